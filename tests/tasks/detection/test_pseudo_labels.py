import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import refinezoo
from refinezoo.cli import app
from refinezoo.data.coco import CocoDataset
from refinezoo.errors import RefinezooError
from refinezoo.experiments.pseudo_labels import pseudo_labels
from refinezoo.tasks.detection.kind import DETECTOR
from refinezoo.tasks.detection.pseudo_labels import uncovered

pytestmark = pytest.mark.once

FOUND = {
    10: [([10, 5, 30, 35], 1, 0.9), ([11, 5, 30, 35], 0, 0.8), ([40, 0, 55, 20], 0, 0.3)],
    20: [([-5, 0, 20, 45], 0, 0.75), ([30, 10, 50, 30], 1, 0.71)],
    30: [([0, 0, 20, 20], 0, 0.69)],
}


class Detector:
    """Finds, in an image of grey value g, the detections filed under g."""

    kind = DETECTOR
    class_names = ["milk", "juice"]

    def __init__(self, found):
        self.found = found

    def predict(self, images, verbose=0):
        rows = self.found.get(int(images[0][0, 0, 0]), [])
        boxes = np.zeros((1, 4, 4), "float32")
        scores, classes = np.zeros((1, 4), "float32"), np.full((1, 4), -1, "int32")
        for k, (box, label, score) in enumerate(rows):
            boxes[0, k], classes[0, k], scores[0, k] = box, label, score
        return {
            "boxes": boxes,
            "scores": scores,
            "classes": classes,
            "count": np.array([len(rows)], "int32"),
        }


@pytest.fixture
def photos(tmp_path):
    for name, grey in (("a.png", 10), ("more/b.png", 20), ("c.png", 30)):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "photos" / name), np.full((40, 60, 3), grey, np.uint8))
    return tmp_path / "photos"


def test_only_what_is_sure_is_labelled_and_the_rest_takes_no_part(photos, tmp_path):
    summary = pseudo_labels(Detector(FOUND), photos, tmp_path / "pseudo.json")
    assert summary == {"photos": 3, "kept": 2, "boxes": {"juice": 2, "milk": 1}}
    dataset = CocoDataset.load(tmp_path / "pseudo.json", photos)
    first, second = sorted(dataset.records, key=lambda record: len(record.labels))
    assert first.boxes_xywh.tolist() == [[10, 5, 20, 30]]
    assert [dataset.class_names[k] for k in first.labels] == ["juice"]
    assert second.boxes_xywh.tolist() == [[0, 0, 20, 40], [30, 10, 20, 20]]
    for record in (first, second):
        labelled = record.boxes_xywh[:, 2:].prod(axis=1).sum()
        assert labelled + record.ignore_regions[:, 2:].prod(axis=1).sum() == 40 * 60


def test_the_rest_of_an_image_covers_each_pixel_once():
    random = np.random.default_rng(0)
    for _ in range(20):
        corners = random.integers(0, 30, (random.integers(1, 5), 2, 2))
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1) + 1], axis=1)
        painted = np.zeros((31, 31), int)
        for x, y, w, h in uncovered(boxes, 31, 31).astype(int):
            painted[y : y + h, x : x + w] += 1
        inside = np.zeros_like(painted)
        for x1, y1, x2, y2 in boxes:
            inside[y1:y2, x1:x2] = 1
        assert (painted + inside == 1).all()


def test_mistakes_are_worded(photos, tmp_path):
    with pytest.raises(RefinezooError, match="Lower score_threshold"):
        pseudo_labels(Detector({}), photos, tmp_path / "pseudo.json")
    with pytest.raises(RefinezooError, match="score_threshold in"):
        pseudo_labels(Detector({}), photos, tmp_path / "pseudo.json", score_threshold=70)
    assert not (tmp_path / "pseudo.json").exists()
    (tmp_path / "none").mkdir()
    with pytest.raises(RefinezooError):
        pseudo_labels(Detector({}), tmp_path / "none", tmp_path / "pseudo.json")


def test_only_detectors_label(photos, tmp_path):
    with pytest.raises(RefinezooError, match="detector.*, received one of refiner"):
        pseudo_labels(refinezoo.refiners.Reinhard(photos=3), photos, tmp_path / "pseudo.json")
    assert not (tmp_path / "pseudo.json").exists()


def test_the_command_line_labels_a_folder(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("refinezoo.cli.model_verbs.load", lambda name: Detector(FOUND))
    out = tmp_path / "pseudo.json"
    told = CliRunner().invoke(app, ["label", "mine", str(photos), "--out", str(out)])
    assert told.exit_code == 0 and "2 of 3 photos" in told.output
    assert CocoDataset.load(out, photos).class_names == ["milk", "juice"]
    wrong = ["label", "mine", str(photos), "--out", str(out), "--score-threshold", "2"]
    assert CliRunner().invoke(app, wrong).exit_code == 2


@pytest.mark.parametrize("info", ["", '"info": null, ', '"info": ["mine"], ', '"info": {}, '])
def test_labels_of_others_are_never_replaced(photos, tmp_path, info):
    out = photos / "annotations.json"
    out.write_text("{" + info + '"images": [], "annotations": [], "categories": []}')
    before = out.read_bytes()
    with pytest.raises(RefinezooError, match="which would be lost"):
        pseudo_labels(Detector(FOUND), photos, out)
    assert out.read_bytes() == before
    for _ in range(2):  # its own it replaces
        pseudo_labels(Detector(FOUND), photos, tmp_path / "mine.json")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "annotations.json").write_bytes(before)
    with pytest.raises(RefinezooError, match="holds other files"):
        pseudo_labels(Detector(FOUND), photos, tmp_path / "theirs")
    assert (tmp_path / "theirs" / "annotations.json").read_bytes() == before


def test_a_folder_holds_its_photos(photos, tmp_path):
    pseudo_labels(Detector(FOUND), photos, tmp_path / "out")
    dataset = CocoDataset.load(tmp_path / "out" / "annotations.json")
    assert len(dataset.records) == 2 and dataset.read(1).shape == (40, 60, 3)


@pytest.mark.parametrize("source", ["photos/*.png", "photos/a.png", ["photos/a.png"]])
def test_relative_names_and_patterns_are_read(photos, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    assert pseudo_labels(Detector(FOUND), source, "out.json")["kept"] == 1
    names = [record.path for record in CocoDataset.load("out.json", "photos").records]
    assert [name.name for name in names] == ["a.png"]
