"""A study reads its sets in any layout: all images at their sizes, also refined ones."""

import numpy as np
import pytest
from small_sets import H, W, coco, photo, put, put_coco

from refinezoo.data import CocoDataset
from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.recipe import model_fingerprint
from refinezoo.experiments.compare.schema import read_study
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.refiners import Reinhard


def _voc(root):
    for number in range(4):
        put(root / f"JPEGImages/{number}.png", photo(number))
        corners = "<xmin>3</xmin><ymin>4</ymin><xmax>13</xmax><ymax>12</ymax>"
        item = f"<object><name>carton</name><bndbox>{corners}</bndbox></object>"
        put(root / f"Annotations/{number}.xml", f"<annotation>{item}</annotation>")
    return root


def _coco(document, images, *, prefix="", encoding="utf-8"):
    def make(root):
        for number, name in enumerate(images):
            put(root / name, photo(number))
        names = [name.removeprefix(prefix) for name in images]
        put_coco(root / document, coco(names), encoding)
        return root / document

    return make


LAYOUTS = {
    "BlenderProc": _coco("coco_annotations.json", [f"images/{k}.png" for k in range(4)]),
    "COCO's own": _coco(
        "annotations/instances_train2017.json",
        [f"train2017/{k}.png" for k in range(4)],
        prefix="train2017/",
    ),
    "sub-folders": _coco(
        "annotations.json",
        ["images/a.png", "images/b.png", "images/cam1/0.png", "images/cam1/1.png"],
        prefix="images/",
    ),
    "byte order mark": _coco(
        "annotations.json", [f"images/{k}.png" for k in range(4)], encoding="utf-8-sig"
    ),
    "VOC": _voc,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_sets_of_a_study(tmp_path, toy, name):
    data = tmp_path / "data [1]"
    synthetic = LAYOUTS[name](data / "synthetic").relative_to(data).as_posix()
    test = LAYOUTS[name](data / "test").relative_to(data).as_posix()
    for number in range(3):
        put(data / f"photos/day {number}/0.png", photo(50 + number))
    settings = {
        "synthetic": {"coco": synthetic},
        "real": {"test": test, "unlabelled": ["photos/**/*.png"]},
        "refiners": {"reinhard": {"adapt": {"class": "Reinhard"}}},
        "arms": {"reinhard": ["reinhard"], "synthetic": ["synthetic"]},
    }
    study = read_study(toy.write_study(tmp_path / "study.yaml", **settings))
    preparation = Preparation(study, tmp_path / "out", data, lambda words: None)
    assert len(preparation.found.unlabelled()) == 3
    sets = preparation.sets()
    for prepared in (*sets.values(), preparation.test()):
        dataset = CocoDataset.load(prepared.annotations, prepared.images)
        assert len(dataset) == 4 and dataset.class_names == ["carton"]
        assert all(record.boxes_xywh.tolist() == [[3, 4, 10, 8]] for record in dataset.records)
        assert dataset.read(0).shape == (H, W, 3)
    before, after = (
        CocoDataset.load(sets[key].annotations, sets[key].images)
        for key in ("synthetic", "reinhard")
    )
    changed = [np.abs(before.read(k).astype(int) - after.read(k)).max() for k in range(4)]
    assert min(changed) > 0

    class Perfect:
        """Finds what the truth says."""

        def detect(self, dataset):
            return [{**row, "score": 0.9} for row in dataset.document()["annotations"]]

    task = task_named("detection")
    found = task.evaluate(Perfect(), task.read_test(preparation.test().located(), None))
    assert found.metrics["AP"] == pytest.approx(1.0) and found.by_class == {"carton": 1.0}


def test_patterns_that_match_nothing(tmp_path, toy):
    settings = {"real": {"test": "t.json", "unlabelled": ["x/**/*.png"]}}
    settings |= {"arms": {"synthetic": ["synthetic"]}}
    study = read_study(toy.write_study(tmp_path / "study.yaml", **settings))
    with pytest.raises(RefinezooError, match="that match 'x"):
        Preparation(study, tmp_path / "out", tmp_path, print).found.unlabelled()


def test_an_argument_that_a_version_adds_leaves_the_fingerprint_of_older_models():
    model = Reinhard()
    newer = model_fingerprint(model)
    known = model.arguments.pop("photos")  # as it was before there was one
    assert model_fingerprint(model) == newer
    model.arguments["photos"] = known + 1
    assert model_fingerprint(model) != newer
