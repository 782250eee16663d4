"""Every file of `examples/`, run on a world of a few small images."""

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_sets import coco, photo, put, put_coco

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning"),
]
EXAMPLES = Path(__file__).parents[1] / "examples"
TINY = {"width": 4, "blocks": 1}


@pytest.fixture(autouse=True, scope="module")
def eager():
    """Tracing costs more than the one step that each example trains."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def example(name):
    """The `main` of an example."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """`renders/` and `photos/` with boxes, and `frames/` with depth."""
    root = tmp_path_factory.mktemp("world")
    names = [f"{k}.png" for k in range(4)]
    for seed, folder in enumerate(("renders", "photos")):
        document = coco(names, width=64, height=64, box=(8, 8, 30, 30))
        put_coco(root / folder / "annotations.json", document)
        for k, name in enumerate(names):
            put(root / folder / "images" / name, photo(10 * seed + k, 64, 64) // (seed + 1))
    for k in range(2):
        put(root / f"frames/images/{k}.png", photo(k, 96, 96))
        metres = np.linspace(1000, 4000, 96 * 96).reshape(96, 96).astype(np.uint16)
        cv2.imwrite(str(put_folder(root / f"frames/depth/{k}.png")), metres)
    rows = "".join(f"{name},{'milk' if k % 2 else 'juice'}\n" for k, name in enumerate(names))
    put(root / "renders/labels.csv", "file,class\n" + rows)
    return root


def put_folder(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_each_example_is_short_and_is_run_here():
    text = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) < 60 and f"python examples/{path.name} " in "\n".join(lines)
        assert f'example("{path.stem}")' in text


def test_fit_and_fine_tune(world):
    import refinezoo

    small = {"size": 32, "epochs": 1, "steps": 1}
    folders = world / "renders/images", world / "photos/images"
    preset = example("keras_fit")(*folders, **small, **TINY)
    refiner = refinezoo.load(preset)
    assert refiner.refine(photo()).shape == photo().shape
    losses = example("fine_tune")(preset, *folders, "tuned", epochs=1, steps=1)
    assert all(np.isfinite(values).all() for values in losses.values())
    assert refinezoo.load("tuned").weights_sha256 != refiner.weights_sha256


def test_pixelda(world):
    settings = {"size": 8, "epochs": 1, "steps": 1, "tower_width_multiplier": 0.1, **TINY}
    found = example("pixelda")(world / "renders", world / "photos/images", **settings)
    assert sorted(found) == ["0.png", "1.png", "2.png", "3.png"]
    assert set(found.values()) <= {"milk", "juice"}


def test_t2net(world, toy_depth_unet, monkeypatch):
    from keras import Input, Model, layers

    from refinezoo.refiners import t2net, t2net_depth

    def toy_judge(**settings):
        features = Input((None, None, 4))
        return Model(features, layers.Conv2D(1, 1)(features))

    monkeypatch.setattr(t2net_depth, "depth_unet", toy_depth_unet)
    monkeypatch.setattr(t2net, "t2net_feature_discriminator", toy_judge)
    settings = {"size": (96, 96), "epochs": 1, "steps": 1, **TINY}
    metres = example("t2net")(world / "frames", world / "photos/images", **settings)
    assert metres.shape == (4, 96, 96, 1) and (metres > 0).all() and (metres <= 8).all()


def test_hybrid_detector_and_camera(world, tmp_path):
    pytest.importorskip("ai_edge_litert")
    settings = {
        "start": None,
        "size": 64,
        "epochs": 1,
        "width_multiplier": 0.0625,
        "batch_norm": True,
    }
    sets = world / "renders", world / "photos", world / "photos"
    file = example("hybrid_detector")(*sets, keep=10, force=True, work=tmp_path, **settings)
    hybrid = json.loads((tmp_path / "hybrid/annotations.json").read_text())
    assert {row["source"] for row in hybrid["images"]} == {"real", "refined"}

    video = cv2.VideoWriter("film.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10, (80, 64))
    for k in range(3):
        video.write(photo(k, 64, 80))
    video.release()
    seen = list(example("camera")(file, "film.avi", score=0.0))
    assert len(seen) == 3
    for image, boxes, milliseconds in seen:
        assert image.shape[2] == 3 and boxes.shape[1] == 4 and milliseconds > 0
    with pytest.raises(SystemExit, match="cannot open"):
        next(example("camera")(file, "none.avi"))


def test_serving_client(world, tmp_path, small_model):
    pytest.importorskip("tensorflow_serving")
    from refinezoo.export import saved_model
    from refinezoo.export.serving.testing import ProtocolTestServer

    refiner = small_model("FDA", [photo(9, 64, 64)])
    saved_model(refiner, tmp_path / "servable/fda/1")
    with ProtocolTestServer(tmp_path / "servable") as server:
        arguments = (server.rest_address, "fda", world / "renders/images", "refined")
        assert example("serving_client")(*arguments) == 4


def test_the_notebook_of_the_first_hour(monkeypatch, small_model):
    import matplotlib.pyplot as plt

    import refinezoo
    from refinezoo.files import ASSETS

    rows = json.loads((ASSETS / "real_test/annotations.json").read_text())["categories"]
    detector = small_model("SSD300", class_names=[row["name"] for row in rows])
    small = {"cyclegan_fgbg": small_model("FDA", [photo(9, 64, 64)])}
    monkeypatch.setattr(refinezoo, "load", lambda name: small.get(name, detector), raising=False)
    notebook = json.loads((EXAMPLES / "first_hour.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    shown, names = [], {}
    monkeypatch.setattr(plt, "show", lambda: shown.append(len(plt.gcf().axes)) or plt.close())
    for place, text in enumerate(cells):
        text = text.replace("COUNT = 24 ", "COUNT = 4 ").replace("(0, 20, 40, 60)", "(0, 20)")
        exec(compile(text, f"cell {place}", "exec"), names)
    assert shown == [8, 16, 4]
    outputs = [each for cell in notebook["cells"] for each in cell.get("outputs", [])]
    assert sum("image/jpeg" in each.get("data", {}) for each in outputs) == len(shown)


def test_refine_with_ray(world, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    refined, dropped = example("refine_with_ray")(world / "renders", "refined", "reinhard", "1")
    assert refined + dropped == 4
    assert len(list(Path("refined/images").glob("*.png"))) == 4
