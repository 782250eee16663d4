"""Datasets of ours read by supervision (https://supervision.roboflow.com), and its by ours."""

import json

import numpy as np
import pytest
from small_sets import coco, photo, put, put_coco

from refinezoo.data.coco import CocoDataset
from refinezoo.data.convert import convert_dataset
from refinezoo.refinement import refine_dataset

pytestmark = pytest.mark.once
supervision = pytest.importorskip("supervision")
Theirs = supervision.DetectionDataset


@pytest.fixture
def scenes(tmp_path):
    """Four images with two boxes of two classes each, COCO."""
    names = [f"{k}.png" for k in range(4)]
    document = coco(names, width=64, height=48, box=(8, 6, 30, 20))
    document["categories"] = [{"id": 3, "name": "milk"}, {"id": 7, "name": "juice"}]
    for row in document["annotations"]:
        row["category_id"] = 3
    second = [
        {**row, "id": row["id"] + 100, "category_id": 7, "bbox": [20.5, 12.25, 10.5, 17.75]}
        for row in document["annotations"]
    ]
    document["annotations"] += second
    put_coco(tmp_path / "coco/annotations.json", document)
    for k, name in enumerate(names):
        put(tmp_path / "coco/images" / name, photo(k, 48, 64))
    return tmp_path / "coco"


def ours(folder):
    """Per file name its boxes, xyxy, by class name."""
    dataset = CocoDataset.load(folder)
    return {
        record.path.name: sorted(
            (dataset.class_names[label], x, y, x + width, y + height)
            for (x, y, width, height), label in zip(record.boxes_xywh, record.labels, strict=True)
        )
        for record in dataset.records
    }


def theirs(dataset):
    return {
        path.rsplit("/", 1)[-1]: sorted(
            (dataset.classes[label], *box)
            for box, label in zip(found.xyxy, found.class_id, strict=True)
        )
        for path, _, found in dataset
    }


def close(first, second, pixels):
    assert first.keys() == second.keys()
    for name, rows in first.items():
        assert [row[0] for row in rows] == [row[0] for row in second[name]]
        np.testing.assert_allclose(
            [row[1:] for row in rows], [row[1:] for row in second[name]], atol=pixels
        )


def read(folder, to):
    """By supervision."""
    if to == "coco":
        document = json.loads((folder / "annotations.json").read_text())
        below = "/" in document["images"][0]["file_name"]
        return Theirs.from_coco(
            str(folder if below else folder / "images"), str(folder / "annotations.json")
        )
    if to == "voc":
        return Theirs.from_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations"))
    return Theirs.from_yolo(
        str(folder / "images"), str(folder / "labels"), str(folder / "data.yaml")
    )


def written(dataset, folder, to):
    """By supervision."""
    if to == "coco":
        dataset.as_coco(str(folder / "images"), str(folder / "annotations.json"))
    elif to == "voc":
        dataset.as_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations"))
    else:
        dataset.as_yolo(str(folder / "images"), str(folder / "labels"), str(folder / "data.yaml"))
    return folder


# supervision takes VOC as whole pixels counted from 1, we as what is written there: most tools
# count from 0, and no file says which it is.
PIXELS = {"coco": 0.1, "yolo": 0.1, "voc": 1.6}


@pytest.mark.parametrize("to", PIXELS)
def test_what_we_write_is_read_the_same(scenes, tmp_path, to):
    convert_dataset(scenes, tmp_path / "out", to)
    close(ours(scenes), ours(tmp_path / "out"), 0.1)
    close(ours(scenes), theirs(read(tmp_path / "out", to)), PIXELS[to])


@pytest.mark.parametrize("to", PIXELS)
def test_what_it_writes_is_read_the_same(scenes, tmp_path, to):
    folder = written(read(scenes, "coco"), tmp_path / "out", to)
    close(ours(scenes), ours(folder), PIXELS[to])


def test_what_was_refined_is_read_as_the_renders_were(scenes, tmp_path):
    class Same:
        def refine(self, images, **_):
            return images

    refine_dataset(scenes, tmp_path / "refined", Same(), progress=False)
    assert theirs(read(tmp_path / "refined", "coco")) == theirs(read(scenes, "coco"))
    assert json.loads((tmp_path / "refined/annotations.json").read_text())
