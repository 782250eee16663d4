"""Every registered class as a LiteRT, ONNX and OpenVINO file, in the runtime of that format."""

import json
import shutil
import subprocess
import sys
import zipfile

import cv2
import numpy as np
import pytest
from same_answers import answers, assert_same

import refinezoo
from refinezoo import RefinezooError, export
from refinezoo.data.image_size import height_and_width
from refinezoo.experiments.evaluate import evaluate
from refinezoo.export.registry import formats
from refinezoo.export.runtimes import exported as opened
from refinezoo.models.registry import model_class, model_names

pytestmark = pytest.mark.tensorflow
EDGE = [name for name, format_ in formats().items() if format_.suffix]
SIDE = 32
REFUSED = [name for name in model_names() if getattr(model_class(name).kind, "not_exported", "")]
EXPORTED = [name for name in model_names() if name not in REFUSED]


def image_for(model, frames):
    from refinezoo.export.checks.photos import fitted
    from refinezoo.export.formats.edge_graph import image_sizes

    return fitted(model, frames[0], image_sizes(model, None)[0])


@pytest.mark.parametrize(
    "name",
    # `make test-zoo` does the long one, as it does the zoo's.
    [pytest.param(name, marks=[pytest.mark.zoo] * (name == "PVANET")) for name in EXPORTED],
)
def test_litert_equals_keras_without_flex(needed, name, models, litert_file, frames):
    needed("litert")
    model, path = models(name), litert_file(name)
    from refinezoo.export.formats.litert_graph import operators

    found = operators(path)
    assert found and not [op for op in found if op.startswith("Flex") or not op.isupper()]
    exported = refinezoo.load(path)
    own = getattr(model, "image_size", None)
    assert not own or exported.image_size == height_and_width(own)
    image = image_for(model, frames) if own else frames[0][:SIDE, :SIDE]
    wanted = answers(model, image)
    assert all(len(np.unique(rows)) > 1 for key, rows in wanted.items() if key == "class_ids")
    assert_same(wanted, answers(exported, image))


def test_a_file_is_measured_on_labelled_images_as_its_model_is(
    needed, models, litert_file, frames, tmp_path
):
    needed("litert")
    model = models("Classifier")
    for number, name in enumerate(model.class_names):
        (tmp_path / name).mkdir()
        image = frames[number % len(frames)][: SIDE + number, :SIDE]
        cv2.imwrite(str(tmp_path / name / "0.png"), image[..., ::-1])
    ours, theirs = (
        evaluate(m, tmp_path) for m in (model, refinezoo.load(litert_file("Classifier")))
    )
    assert theirs == ours and set(theirs["by_class"]) == set(model.class_names)


@pytest.mark.parametrize("format_name", formats())
@pytest.mark.parametrize("name", REFUSED)
def test_what_no_format_can_hold_is_refused_in_words(needed, format_name, name, models, tmp_path):
    needed(format_name)
    format_ = formats()[format_name]
    size = {} if format_name == "saved_model" else {"image_size": SIDE}
    with pytest.raises(RefinezooError, match="a refiner that takes masks.*refinezoo refine"):
        format_.write(models(name), tmp_path / f"1{format_.suffix}", **size)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format_name", [name for name in EDGE if name != "litert"])
@pytest.mark.parametrize(
    "name",
    ["CycleGANForegroundBackground", "DeepLabV2", "FDA", "SSD300"]
    + [pytest.param(name, marks=pytest.mark.zoo) for name in ("PVANET", "YOLOv3")],
)
def test_other_edge_formats_equal_keras(needed, format_name, name, models, frames, tmp_path):
    needed(format_name)
    model = models(name)
    size = None if getattr(model, "image_size", None) else SIDE
    format_ = formats()[format_name]
    path = format_.write(model, tmp_path / f"m{format_.suffix}", size)
    exported = refinezoo.load(path)
    assert exported.info["format"] == format_name
    image = frames[0][:SIDE, :SIDE] if size else image_for(model, frames)
    wanted = answers(model, image)
    assert all(len(np.unique(rows)) > 1 for key, rows in wanted.items() if key == "class_ids")
    assert_same(wanted, answers(exported, image))
    assert sorted(tmp_path.iterdir()) == sorted(format_.files(path))


def test_onnx_loses_no_pixel_of_a_resized_map(needed, models, frames, tmp_path):
    needed("onnx")
    model = models("DeepLabV2")  # at half the size 7 cells, which become 13 again
    exported = refinezoo.load(export.onnx(model, tmp_path / "m.onnx", (104, 104)))
    image = np.tile(frames[0], (2, 2, 1))[:104, :104]
    assert (model.segment(image) != exported.segment(image)).mean() < 0.001


def test_saved_models_load_like_the_other_formats(refiner, refiner_folder, photos):
    exported = refinezoo.load(refiner_folder)
    assert np.abs(exported.refine(photos[1]).astype(int) - refiner.refine(photos[1])).max() <= 1
    half = exported.refine(photos[1], strength=0.5).astype(int)
    assert np.abs(half - refiner.refine(photos[1], strength=0.5)).max() <= 1


@pytest.fixture(scope="module")
def several_sizes(needed, models, tmp_path_factory):
    needed("litert")
    path = tmp_path_factory.mktemp("litert") / "sizes.tflite"
    return export.litert(models("CycleGAN"), path, [(32, 32), (30, 41)])


def test_sizes_of_one_file_share_their_weights(models, litert_file, several_sizes, frames):
    model = models("CycleGAN")
    exported = refinezoo.load(several_sizes)
    assert exported.sizes == [(32, 32), (30, 41)]
    for height, width in exported.sizes:  # 30 x 41 is padded inside, as Refiner.refine does
        image = frames[0][:height, :width]
        assert_same(answers(model, image), answers(exported, image))
    single = litert_file("CycleGAN")
    weights = 4 * model.inference_network.count_params()
    assert several_sizes.stat().st_size < 1.9 * single.stat().st_size
    assert several_sizes.stat().st_size < weights + 60_000
    with pytest.raises(RefinezooError, match="32 x 32, 30 x 41.*received 31 x 32.*image_size="):
        exported.refine(frames[0][:31, :32])


def test_the_file_says_what_it_is(models, several_sizes):
    from refinezoo.refinement.fingerprint import model_settings, weights_sha256

    with zipfile.ZipFile(several_sizes) as archive:
        info = json.loads(archive.read("model_info.json"))
    assert info["kind"] == "refiner" and info["class"] == "CycleGAN"
    assert info["weights_sha256"] == weights_sha256(models("CycleGAN"))
    assert info["inputs"]["images"]["range"] == [0, 255]
    settings = model_settings(refinezoo.load(several_sizes))  # of a manifest
    assert settings["weights_sha256"] == info["weights_sha256"]
    assert settings["config"]["sizes"] == [[32, 32], [30, 41]]


def test_files_of_others_are_called_programs_once(several_sizes, tmp_path, caplog):
    opened._log_once.cache_clear()
    refinezoo.load(several_sizes)  # written by this process
    assert "is a program" not in caplog.text
    theirs = shutil.copy(several_sizes, tmp_path / "theirs.tflite")
    refinezoo.load(theirs)
    refinezoo.load(theirs)
    assert caplog.text.count("is a program") == 1


def test_labels_lie_in_a_detectors_file(needed, models, litert_file):
    needed("litert")
    path = litert_file("SSD300")
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt").decode().split() == ["milk", "juice"]
    exported = refinezoo.load(path)
    assert exported.class_names == ["milk", "juice"]
    mixed = [np.full((50, 80, 3), 90, np.uint8), np.full((64, 64, 3), 9, np.uint8)]
    wanted, given = models("SSD300").predict(mixed), exported.predict(mixed)
    np.testing.assert_allclose(given["boxes"], wanted["boxes"], atol=0.02)


def test_letterboxed_files_answer_in_pixels_of_images_of_any_shape(needed, models, litert_file):
    needed("litert")
    model = models("YOLOv3")
    exported = refinezoo.load(litert_file("YOLOv3"))
    assert exported.info["inputs"]["images"]["placing"] == "letterbox"
    random = np.random.default_rng(0)
    sizes = [(50, 80), (97, 41), (64, 64)]
    mixed = [random.integers(0, 255, (*size, 3), np.uint8) for size in sizes]
    wanted, given = model.predict(mixed), exported.predict(mixed)
    assert (wanted["count"] > 0).all()
    np.testing.assert_array_equal(given["classes"], wanted["classes"])
    np.testing.assert_allclose(given["boxes"], wanted["boxes"], atol=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, p: export.litert(m, p / "m.tflit"), "ends in .tflite.*Use '.*m.tflite'"),
        (lambda m, p: export.onnx(m, p / "m.tflite"), "ends in .onnx"),
        (lambda m, p: export.openvino(m, p / "m"), "ends in .xml"),
        (lambda m, p: export.litert(m, p / "m.tflite", 32, "int4"), "received 'int4'"),
        (lambda m, p: export.openvino(m, p / "m.xml", 32, "fp16"), "bf16, int8, received 'fp16'"),
        (lambda m, p: export.litert(m, p / "m.tflite", 0), "1 to 8192 pixels, received 0"),
        (lambda m, p: export.litert(m, p / "m.tflite", (1, 2, 3)), "expected image_size"),
        (lambda m, p: export.onnx(m, p / "m.onnx", [32, 64]), "expected one image_size"),
        (
            lambda m, p: export.litert(m, p / "m.tflite", 32, "int8", []),
            "at least one calibration frame",
        ),
        (
            lambda m, p: export.litert(m, p / "m.tflite", 32, "int8", [np.zeros((8, 8), "u1")]),
            r"calibration frames as uint8 RGB .* received uint8 \[8, 8\] at index 0",
        ),
    ],
)
def test_wrong_arguments_are_worded(needed, call, message, models, tmp_path):
    needed("litert")
    with pytest.raises(RefinezooError, match=message):
        call(models("CycleGAN"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_detectors_take_their_own_size_only(models, tmp_path):
    with pytest.raises(RefinezooError, match="sees 64 x 64 pixels.*Leave image_size out"):
        export.litert(models("SSD300"), tmp_path / "d.tflite", 128)


def test_foreign_and_broken_files_are_worded(several_sizes, tmp_path):
    missing = tmp_path / "missing.tflite"
    with pytest.raises(RefinezooError, match="found none"):
        refinezoo.load(missing)
    for name in EDGE:
        broken = tmp_path / f"broken{formats()[name].suffix}"
        broken.write_bytes(several_sizes.read_bytes()[:1000])
        with pytest.raises(RefinezooError, match="truncated|not installed"):
            refinezoo.load(broken)
    with pytest.raises(RefinezooError, match="weights=None.*Leave them out"):
        refinezoo.load(several_sizes, weights=None)
    exported = refinezoo.load(several_sizes)
    with pytest.raises(RefinezooError, match="received float32"):
        exported.refine(np.zeros((32, 32, 3), "float32"))
    with pytest.raises(RefinezooError, match="seed 0"):
        exported.refine(np.zeros((32, 32, 3), np.uint8), seed=3)


def test_missing_runtimes_are_named(monkeypatch):
    from refinezoo.export.runtimes.opening import needs

    with pytest.raises(RefinezooError, match=r"no_such.*pip install 'refinezoo\[litert\]'"):
        needs("no_such_runtime", "litert")


def test_files_run_without_keras_and_tensorflow(several_sizes):
    script = (
        "import sys, numpy as np, refinezoo\n"
        f"refiner = refinezoo.load({str(several_sizes)!r})\n"
        "print(refiner.refine(np.zeros((32, 32, 3), np.uint8)).shape)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "(32, 32, 3)" in done.stdout
