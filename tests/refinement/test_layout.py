import json

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refinement import find_renders
from refinezoo.refinement.labels import read_boxes, read_foreground_mask

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 80, 3), np.uint8)
DEPTH = np.full((40, 80), 3000, np.uint16)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "set"


def names(layout):
    return layout.renders


def test_coco_names_the_renders(coco):
    layout = find_renders(coco)
    assert names(layout) == [f"images/scene_{i}.png" for i in range(5)]
    assert "images/spare.png" in layout.carried and "1 images" in layout.notes[0]


@pytest.mark.parametrize(
    ("document", "image"),
    [
        ("annotations/instances_train2017.json", "train2017/a.jpg"),
        ("annotations/instances_train2017.json", "images/train2017/a.jpg"),
        ("train/_annotations.coco.json", "train/a.jpg"),
        ("annotations.json", "a.jpg"),
    ],
)
def test_coco_trees_in_use(root, write, document, image):
    write(root / image, IMAGE)
    (root / document).parent.mkdir(parents=True, exist_ok=True)
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
    (root / document).write_text(json.dumps(content))
    assert names(find_renders(root)) == [image]


def test_coco_outside_the_tree_is_refused(root, write):
    write(root / "images/a.png", IMAGE)
    content = {"images": [{"id": 1, "file_name": "../../secret.png"}], "annotations": []}
    (root / "a.json").write_text(json.dumps(content))
    with pytest.raises(RefinezooError, match="outside the dataset"):
        find_renders(root)


def test_voc(root, write):
    write(root / "JPEGImages/a.jpg", IMAGE)
    write(root / "SegmentationClass/a.png", IMAGE)
    (root / "Annotations").mkdir()
    box = "<xmin>10</xmin><ymin>5</ymin><xmax>30</xmax><ymax>90</ymax>"
    (root / "Annotations/a.xml").write_text(
        f"<annotation><object><bndbox>{box}</bndbox></object></annotation>"
    )
    layout = find_renders(root)
    assert (layout.kind, names(layout)) == ("voc", ["JPEGImages/a.jpg"])
    assert read_boxes(layout, "JPEGImages/a.jpg", 80, 40).tolist() == [[10, 5, 30, 40]]


def test_yolo(root, write):
    write(root / "images/train/a.png", IMAGE)
    labels = root / "labels/train/a.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("0 0.5 0.5 0.5 0.5\n1 0 0 0.25 0 0.25 0.5\nnonsense\n")
    (root / "data.yaml").write_text("names: [a, b]\n")
    layout = find_renders(root)
    assert (layout.kind, names(layout)) == ("yolo", ["images/train/a.png"])
    boxes = read_boxes(layout, "images/train/a.png", 80, 40)
    assert boxes.tolist() == [[20, 10, 60, 30], [0, 0, 20, 20]]


def test_masks_and_depth_beside_rgb(root, write):
    write(root / "rgb/1.png", IMAGE)
    write(root / "depth/1.png", DEPTH)
    write(root / "segmentation/1.png", IMAGE)
    mask = np.zeros((40, 80), np.uint8)
    mask[:10] = 255
    write(root / "masks/1.png", mask)
    np.save(root / "depth/1.npy", DEPTH)
    layout = find_renders(root)
    assert names(layout) == ["rgb/1.png"] and len(layout.carried) == 4
    assert read_foreground_mask(layout, "rgb/1.png", 80, 40).sum() == 800
    assert read_boxes(layout, "rgb/1.png", 80, 40).shape == (0, 4)


def test_flat_folder_leaves_labels_alone(root, write):
    write(root / "0001.png", IMAGE)
    write(root / "0001_mask.png", IMAGE)
    write(root / "depth_0001.png", IMAGE)
    write(root / "0002.png", DEPTH)
    write(root / "masks/0001.png", IMAGE)
    layout = find_renders(root)
    assert names(layout) == ["0001.png"] and "taken for labels" in layout.notes[0]


def test_products_named_after_labels_are_renders(root, write):
    write(root / "images/face_mask.png", IMAGE)
    assert names(find_renders(root)) == ["images/face_mask.png"]


@pytest.mark.parametrize("make", [lambda root: None, lambda root: root.mkdir()])
def test_nothing_there_is_said(root, make):
    make(root)
    with pytest.raises(RefinezooError, match="no folder|no renders"):
        find_renders(root)
