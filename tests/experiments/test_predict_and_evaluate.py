"""`refinezoo predict` and `evaluate`, over kinds."""

import json
import re

import cv2
import numpy as np
import pytest
from small_sets import coco, put, put_coco
from typer.testing import CliRunner

from refinezoo import RefinezooError, refiners
from refinezoo.cli import app
from refinezoo.experiments.evaluate import evaluate
from refinezoo.experiments.predict import predict_folder
from refinezoo.experiments.pseudo_labels import pseudo_labels
from refinezoo.models.answers import answer_to
from refinezoo.models.registry import model_class
from refinezoo.tasks.detection.coco import Detects
from refinezoo.tasks.detection.kind import DETECTOR

pytestmark = pytest.mark.usefixtures("eager")
NAMES = ["milk", "juice"]
MAKE = {
    "refiner": lambda: refiners.FDA(photos=1).adapt([np.full((32, 32, 3), 90, np.uint8)]),
    "classifier": lambda: model_class("Classifier")(
        class_names=NAMES, image_size=32, width_multiplier=0.1
    ),
    "depth": lambda: model_class("DepthUNet")(width=4),
    "segmenter": lambda: model_class("DeepLabV2")(
        class_names=NAMES,
        width_multiplier=0.0625,
        depth_multiplier=0.1,
        rates=[1, 2],
        backbone="vgg16_aspp",
        image_size=(32, 48),
    ),
    "detector": lambda: model_class("SSD300")(
        class_names=NAMES, image_size=64, width_multiplier=0.0625, batch_norm=True, keep=10
    ),
}


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for name, size in (("a/b.png", (48, 64)), ("c.jpg", (50, 41))):
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        cv2.imwrite(str(path), rng.integers(0, 255, (*size, 3), np.uint8))
    return tmp_path / "photos"


@pytest.mark.parametrize("kind", sorted(MAKE))
def test_every_answer_is_a_row_and_its_maps_are_files(kind, photos, tmp_path):
    model = MAKE[kind]()
    said = predict_folder(model, photos, tmp_path / "out")
    assert json.loads((tmp_path / "out/predictions.json").read_text()) == json.loads(
        json.dumps(said, default=float)
    )
    assert said["kind"] == kind and [row["file"][-5:] for row in said["images"]] == [
        "b.png",
        "c.jpg",
    ]
    images = [cv2.imread(row["file"])[..., ::-1] for row in said["images"]]
    answers = model.predict(images, verbose=0)
    for k, (row, image) in enumerate(zip(said["images"], images, strict=True)):
        answer = answer_to(answers, k)
        answer = answer if isinstance(answer, dict) else dict.fromkeys(model.kind.outputs, answer)
        for name in model.kind.outputs:
            wanted = np.asarray(answer[name])
            given = row[name]
            if str(given).endswith(".png"):
                given = cv2.imread(str(tmp_path / "out" / given), cv2.IMREAD_UNCHANGED)
                given = given[..., ::-1] if given.ndim == 3 else given
            elif str(given).endswith(".npy"):
                given = np.load(tmp_path / "out" / given)
                assert given.shape == (*image.shape[:2], 1)
            given = np.asarray(given)
            wanted = wanted[: len(given)] if name in ("boxes", "scores", "classes") else wanted
            np.testing.assert_allclose(given, wanted, atol=1e-4)
    assert len(list((tmp_path / "out/drawn").rglob("*.png"))) == 2


def test_equal_names_and_foreign_folders_are_refused(photos, tmp_path):
    model = MAKE["refiner"]()
    cv2.imwrite(str(photos / "c.png"), np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(RefinezooError, match="2 called c"):
        predict_folder(model, photos, tmp_path / "out")
    with pytest.raises(RefinezooError, match="outside of"):
        predict_folder(model, str(photos / "*.jpg"), photos)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/thesis.txt").write_text("mine")
    with pytest.raises(RefinezooError, match="own"):
        predict_folder(model, str(photos / "*.jpg"), tmp_path / "own")
    assert (tmp_path / "own/thesis.txt").read_text() == "mine"


def test_evaluation_is_the_studies_metric(tmp_path):
    ids = np.zeros((32, 48), np.uint8)  # the model's size: nothing is scaled
    ids[:, 24:] = 1
    for folder, values in (("images", np.stack([ids * 200] * 3, -1)), ("masks", ids)):
        (tmp_path / folder).mkdir()
        for name in "ab":
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), values)
    model = MAKE["segmenter"]()
    cv2.imwrite(str(tmp_path / "masks/b.png"), 1 - ids)
    evaluate(model, tmp_path, page=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    scores = [float(score) for score in re.findall(r'data-score="([0-9.]+)"', page)]
    assert len(scores) == 2 and scores[0] <= scores[1] and sum(scores) == pytest.approx(1)
    assert page.count("data:image/jpeg") == 4 and "<option>juice</option>" in page
    assert "share of labelled pixels that are right" in page and "mean_iou" in page
    cv2.imwrite(str(tmp_path / "masks/b.png"), ids)
    found = evaluate(model, tmp_path)
    assert found["images"] == 2 and set(found["metrics"]) >= {"mean_iou", "pixel_accuracy"}
    seen = model.predict([np.stack([ids * 200] * 3, -1)], verbose=0)[0]
    assert found["metrics"]["pixel_accuracy"] == pytest.approx((seen == ids).mean())
    assert found["class_metric"] == "IoU" and set(found["by_class"]) == set(model.class_names[:2])


class Seer(Detects):
    """Says one juice of every image, and counts the passes."""

    kind, class_names, passes = DETECTOR, ["cheese", "juice"], 0

    def predict(self, images, *arguments, **settings):
        self.passes += 1
        one = {"boxes": [[[4, 4, 20, 30]]], "scores": [[0.875]], "classes": [[1]], "count": [1]}
        return {name: np.repeat(np.array(row), len(images), 0) for name, row in one.items()}


def test_detectors_predict_once_for_metrics_and_page(tmp_path):
    document = coco(["a.png", "b.png"], width=40, height=40, box=(4, 4, 16, 26))
    document["categories"][0]["name"] = "juice"
    document["annotations"][1]["bbox"][0] = 20
    put_coco(tmp_path / "coco.json", document)
    for name in "ab":
        put(tmp_path / f"{name}.png", np.full((40, 40, 3), 90, np.uint8))
    seer = Seer()
    found = evaluate(seer, tmp_path / "coco.json", page=tmp_path / "page.html")
    assert seer.passes == 1 and found["images"] == len(found["predictions"]) == 2
    assert found["by_class"] == {"juice": pytest.approx(0.5, abs=0.01)}  # of two, the second first
    page = (tmp_path / "page.html").read_text()
    assert re.findall(r'data-score="([0-9.]+)"', page) == ["0.0000", "1.0000"]
    assert page.count("juice 0.88 (") == 2 and "AP50" in page


def test_a_refiner_is_sent_to_compare_and_a_missing_dataset_is_named(tmp_path):
    with pytest.raises(RefinezooError, match="a refiner.*compare"):
        evaluate(MAKE["refiner"](), tmp_path)
    with pytest.raises(RefinezooError, match="does not exist"):
        evaluate(MAKE["segmenter"](), tmp_path / "none")


def test_depth_is_measured_at_a_size_that_is_said(tmp_path):
    for folder in ("images", "depth"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "images/a.png"), np.full((64, 96, 3), 90, np.uint8))
    np.save(tmp_path / "depth/a.npy", np.full((64, 96), 2.0, np.float32))
    model = MAKE["depth"]()
    with pytest.raises(RefinezooError, match=r"(?s)image_size: expected a value.*MODEL DATASET"):
        evaluate(model, tmp_path)
    found = evaluate(model, tmp_path, settings={"image_size": [32, 64]})
    assert found["images"] == 1 and found["metrics"]["abs_rel"] > 0


def test_a_refiner_that_trained_a_task_model_inside_is_measured_by_it(tmp_path):
    for name, level in (("cat", 30), ("dog", 200)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        image = np.full((20, 20, 3), level, np.uint8)
        cv2.imwrite(str(tmp_path / "photos" / name / "a.png"), image)
    model = model_class("PixelDA")(
        class_names=["cat", "dog"], image_size=16, width=4, blocks=1, tower="mnist"
    )
    found = evaluate(model, tmp_path / "photos")
    assert set(found["by_class"]) == {"cat", "dog"} and 0 <= found["metrics"]["accuracy"] <= 1
    said = pseudo_labels(model, tmp_path / "photos", tmp_path / "out", score_threshold=0.01)
    assert said["kept"] == said["photos"] == 2


@pytest.mark.tensorflow
def test_verbs(photos, tmp_path):
    run = CliRunner().invoke
    done = run(app, ["predict", "reinhard", str(photos), "--out", str(tmp_path / "o"), "--json"])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["images"]) == 2
    done = run(app, ["predict", "reinhard", str(tmp_path / "no"), "--out", str(tmp_path / "p")])
    assert done.exit_code == 2 and not (tmp_path / "p").exists()
    assert run(app, ["evaluate", "reinhard", str(photos)]).exit_code == 2
