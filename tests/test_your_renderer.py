"""The Python of docs/your_renderer.md, run: what it writes is read, and right."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from small_sets import photo, put

from refinezoo.data import CocoDataset
from refinezoo.data.check import check_dataset
from refinezoo.data.depth import read_depth_folder

DOCS = Path(__file__).parents[1] / "docs/your_renderer.md"


@pytest.fixture(scope="module")
def page():
    known = {}
    for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S):
        exec(compile(block, str(DOCS), "exec"), known)
    return known


def test_what_an_own_script_writes_is_a_dataset(page, tmp_path):
    instances = np.zeros((40, 60), int)
    instances[5:15, 10:30], instances[20:30, 40:50] = 1, 2
    depth = np.full((40, 60), 2.5)
    renders = [(photo(k, 40, 60), instances, {1: 1, 2: 0}, depth) for k in range(2)]
    page["write_renders"](tmp_path / "renders", renders, ["juice", "milk"])
    assert check_dataset(tmp_path / "renders")["findings"] == []
    data = CocoDataset.load(tmp_path / "renders")
    assert data.class_names == ["juice", "milk"]
    boxes = {tuple(box) for box in data.records[0].boxes_xywh.tolist()}
    assert boxes == {(10, 5, 20, 10), (40, 20, 10, 10)}
    read = read_depth_folder(tmp_path / "renders")["depth_m"]
    np.testing.assert_allclose(read, 2.5, atol=1e-3)


def test_depth_of_carla_is_metres(page):
    farthest = np.full((1, 1, 3), 255, np.uint8)
    assert page["carla_metres"](farthest) == pytest.approx(1000)
    red = np.array([[[0, 0, 255]]], np.uint8)
    assert page["carla_metres"](red) == pytest.approx(1000 * 255 / (256**3 - 1))


def test_boxes_of_replicator_are_coco(page, tmp_path):
    fields = ("semanticId", "x_min", "y_min", "x_max", "y_max")
    boxes = np.array([(3, 4, 5, 13, 24)], [(name, "<i4") for name in fields])
    put(tmp_path / "rgb_0000.png", photo(0, 30, 40))
    np.save(tmp_path / "bounding_box_2d_tight_0000.npy", boxes)
    labels = {"3": {"class": "milk"}}
    (tmp_path / "bounding_box_2d_tight_labels_0000.json").write_text(json.dumps(labels))
    page["replicator_coco"](tmp_path, tmp_path / "boxes.json")
    data = CocoDataset.load(tmp_path / "boxes.json", tmp_path)
    assert data.class_names == ["milk"]
    np.testing.assert_array_equal(data.records[0].boxes_xywh, [[4, 5, 10, 20]])


def test_masks_from_templates(page, tmp_path):
    empty = photo(0, 64, 64) // 2
    full = empty.copy()
    full[20:40, 20:40] = 255 - full[20:40, 20:40]
    put(tmp_path / "empty/0.png", empty)
    put(tmp_path / "photos/a.png", full)
    page["write_masks"](tmp_path / "photos", tmp_path / "empty", tmp_path / "foreground_masks")
    import cv2

    mask = cv2.imread(str(tmp_path / "foreground_masks/a.png"), 0) > 0
    truth = np.zeros((64, 64), bool)
    truth[20:40, 20:40] = True
    assert (mask & truth).sum() / (mask | truth).sum() > 0.8
