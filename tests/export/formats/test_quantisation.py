"""Compressed files and the gate that they must pass."""

import numpy as np
import pytest

import refinezoo
from refinezoo import RefinezooError
from refinezoo.export.registry import FULL, formats
from refinezoo.refiners.kind import REFINER
from refinezoo.tasks.detection.kind import DETECTOR

pytestmark = pytest.mark.tensorflow


COMPRESSED = [
    (name, precision)
    for name, format_ in formats().items()
    for precision in format_.precisions
    if precision != FULL
]
INT8 = [name for name, precision in COMPRESSED if precision == "int8"]


@pytest.fixture(scope="module")
def small_refiner(strong_weights):
    """As the zoo's: without instance norm, which would blow up the noise of random weights."""
    from refinezoo.refiners import CycleGAN

    options = {"normalised": False, "residual": True, "upsampling": "resize"}
    return strong_weights(CycleGAN(image_size=32, width=4, blocks=1, **options))


@pytest.fixture(scope="module")
def wide_refiner():
    """A refiner whose file is mostly weights, and the sizes of its float files by format."""
    from refinezoo.refiners import CycleGAN

    return CycleGAN(image_size=32, width=24, blocks=1), {}


def write(format_name, model, folder, size=None, precision=FULL, frames=None, **options):
    format_ = formats()[format_name]
    path = folder / f"q{format_.suffix}"
    return format_.write(model, path, size, precision, frames, **options)


@pytest.mark.parametrize(("format_name", "precision"), COMPRESSED)
def test_compressed_refiners_pass_the_gate(
    format_name, precision, needed, small_refiner, frames, tmp_path
):
    needed(format_name)
    path = write(format_name, small_refiner, tmp_path, 32, precision, frames)
    exported = refinezoo.load(path)
    quality = exported.info["quality"]
    assert quality["passed"] and quality["value"] >= 35
    assert exported.info["precision"] == precision
    image = frames[0][:32, :32]
    error = np.abs(small_refiner.refine(image).astype(int) - exported.refine(image))
    assert 0 < error.max() < 40  # it is compressed, and close
    assert {file.stem for file in tmp_path.iterdir()} == {"q"}


@pytest.mark.parametrize(
    ("format_name", "precision", "share"),
    [("litert", "int8", 0.7), ("openvino", "int8", 0.4), ("openvino", "bf16", 0.6)],
)
def test_compressed_files_are_smaller(
    format_name, precision, share, needed, wide_refiner, tmp_path, frames
):
    needed(format_name)
    model, full_sizes = wide_refiner

    def size(*arguments, **options):
        path = write(format_name, model, tmp_path, *arguments, **options)
        return sum(file.stat().st_size for file in path.parent.glob("q.[!x]*"))

    if format_name not in full_sizes:
        full_sizes[format_name] = size(32)
    assert size(32, precision, frames, force=True) < share * full_sizes[format_name]


@pytest.mark.parametrize("format_name", INT8)
def test_the_gate_refuses_and_says_what_was_reached(
    format_name, needed, small_refiner, frames, monkeypatch, tmp_path
):
    needed(format_name)
    from refinezoo.export.formats import litert, openvino

    monkeypatch.setattr(type(REFINER), "gate", ("PSNR dB", 500.0))
    attempts = []
    module, name = {"litert": (litert, "selective_int8"), "openvino": (openvino, "quantized")}[
        format_name
    ]
    quantise = getattr(module, name)

    def counted(*arguments):
        attempts.append(len(arguments[-1]))
        return quantise(*arguments)

    monkeypatch.setattr(module, name, counted)
    arguments = (format_name, small_refiner, tmp_path, 32, "int8", frames)
    with pytest.raises(RefinezooError, match=r"reached PSNR dB \d+.* \(limit 500\).*force=True"):
        write(*arguments)
    # Then the last, also the first, the last quarter and half of its convolutions in float.
    assert attempts == [0, 1, 2, 2, 4]
    assert list(tmp_path.iterdir()) == []
    info = refinezoo.load(write(*arguments, force=True)).info
    assert not info["quality"]["passed"] and len(info["kept_float"]) == attempts[-1]


@pytest.mark.parametrize("format_name", INT8)
def test_int8_without_convolutions_is_refused(format_name, needed, models, frames, tmp_path):
    needed(format_name)
    with pytest.raises(RefinezooError, match="no convolution.*float16"):
        write(format_name, models("Reinhard"), tmp_path, 32, "int8", frames)
    assert list(tmp_path.iterdir()) == []


def test_a_detector_without_labelled_photos_is_not_quantised_unseen(models, litert_file, frames):
    from refinezoo.export.checks.quality import QualityGate

    gate = QualityGate(models("SSD300"), frames)
    assert gate.labelled is None  # the packaged photos show no milk
    path = litert_file("SSD300")
    with pytest.raises(RefinezooError, match="expected labelled photos.*evaluation="):
        gate.check(gate.measure(path), "int8", ["float32", "int8"])


def test_a_detectors_gate_compares_average_precision(monkeypatch, frames, tmp_path):
    from refinezoo.export.checks import quality
    from refinezoo.export.checks.photos import packaged_photos

    class Stand:
        def __init__(self, ap50):
            self.ap50 = ap50

        kind, class_names = DETECTOR, ["milk"]

        def evaluate_coco(self, dataset):
            assert len(dataset) == 62
            return {"AP50": self.ap50}

    monkeypatch.setattr(quality, "open_exported", Stand)
    gate = quality.QualityGate(Stand(0.5), frames, packaged_photos(1)[0].parents[1])
    assert gate.measure(0.495).passed and not gate.measure(0.48).passed
    with pytest.raises(RefinezooError, match=r"AP50 lost 0.02 on 62 labelled images"):
        gate.check(gate.measure(0.48), "int8", ["float32", "int8"])


def labelled(monkeypatch):
    from refinezoo.export.checks.photos import packaged_photos

    monkeypatch.setattr(type(DETECTOR), "score", lambda *_: 0.5)
    return packaged_photos(1)[0].parents[1]


def test_int8_detectors_suppress_without_a_loop(needed, models, frames, monkeypatch, tmp_path):
    needed("litert")
    from refinezoo.export.formats.litert_graph import INTEGER, operators

    path = write(
        "litert", models("SSD300"), tmp_path, None, "int8", frames, evaluation=labelled(monkeypatch)
    )
    assert "WHILE" not in operators(path)
    assert_close(models("SSD300"), path, frames)
    # Overlaps of rounded boxes cost 0.09 AP50: coordinates stay float.
    integers = operators_on_int8(path)
    assert "CONV_2D" in integers
    assert integers <= {*INTEGER, "QUANTIZE", "DEQUANTIZE"}


def operators_on_int8(path):
    """Names of the operators of a LiteRT file that read or write int8."""
    utils = pytest.importorskip("tensorflow.lite.tools.flatbuffer_utils")
    from refinezoo.export.formats.litert_graph import operator_names

    model = utils.read_model(str(path))
    int8 = 9  # TensorType.INT8 of LiteRT's schema
    return {
        name
        for graph in model.subgraphs
        for operator, name in zip(graph.operators, operator_names(model, graph), strict=True)
        if any(graph.tensors[i].type == int8 for i in (*operator.inputs, *operator.outputs))
    }


@pytest.mark.parametrize("name", ["SSD300", pytest.param("YOLOv3", marks=pytest.mark.zoo)])
def test_int8_detectors_in_openvino(name, needed, models, frames, monkeypatch, tmp_path):
    needed("openvino")
    evaluation = labelled(monkeypatch)
    path = write("openvino", models(name), tmp_path, None, "int8", frames, evaluation=evaluation)
    assert_close(models(name), path, frames)


def assert_close(model, path, frames):
    wanted, given = model.predict(frames[0]), refinezoo.load(path).predict(frames[0])
    assert given["count"][0] > 0
    assert 0 < np.abs(given["scores"] - wanted["scores"]).max() < 0.2
