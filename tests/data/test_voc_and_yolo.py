"""Boxes of VOC and YOLO: read as COCO's are, refused where they mean nothing."""

import re

import numpy as np
import pytest
from small_sets import H, W, coco, photo, put, put_coco

from refinezoo.data import CocoDataset
from refinezoo.data.check import check_dataset
from refinezoo.data.formats import recognise
from refinezoo.errors import RefinezooError
from refinezoo.refinement import find_renders


def test_boxes_of_voc_and_yolo_train_like_coco(tmp_path):
    for name in "ab":
        for kind in ("coco", "yolo"):
            put(tmp_path / kind / f"images/{name}.png", photo())
        put(tmp_path / f"voc/JPEGImages/{name}.png", photo())
        corners = "".join(
            f"<{key}>{value}</{key}>"
            for key, value in zip(("xmin", "ymin", "xmax", "ymax"), (3, 4, 13, 12), strict=True)
        )
        put(
            tmp_path / f"voc/Annotations/{name}.xml",
            f"<a><size><width>{W}</width><height>{H}</height></size><object><name>carton</name>"
            f"<bndbox>{corners}</bndbox></object></a>",
        )
        put(tmp_path / f"yolo/labels/{name}.txt", f"0 {8 / W} {8 / H} {10 / W} {8 / H}\n")
    put(tmp_path / "yolo/data.yaml", "names: [carton]\n")
    put_coco(tmp_path / "coco/annotations.json", coco(["a.png", "b.png"]))
    documents = [CocoDataset.load(tmp_path / kind).document() for kind in ("coco", "voc", "yolo")]
    assert len(documents[0]["annotations"]) == 2
    for document in documents[1:]:
        assert document["categories"] == documents[0]["categories"]
        for row, other in zip(document["annotations"], documents[0]["annotations"], strict=True):
            np.testing.assert_allclose(row["bbox"], other["bbox"], atol=1e-4)
            assert row["category_id"] == other["category_id"] == 1


@pytest.mark.parametrize(
    ("lines", "settings", "box"),
    [
        ("0 .5 .5 .5 .5", "", [8, 6, 24, 18]),
        ("0 .5 .5 .5 .5 .93", "", [8, 6, 24, 18]),
        ("0 .25 .25 .75 .25 .75 .75", "", [8, 6, 24, 18]),
        ("0 .5 .5 .5 .5 .3 .3 2 .7 .7 1", "", [8, 6, 24, 18]),
        ("0 .5 .5 .5 .5 .3 .3 .7 .7", "kpt_shape: [2, 2]", [8, 6, 24, 18]),
        ("0 .5 .5 .5 .5 .3 .3 .7 .7", "", [8, 6, 24, 18]),
    ],
    ids=["box", "confidence", "polygon", "pose with visibility", "stated pose", "pose"],
)
def test_yolo_lines(tmp_path, lines, settings, box):
    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "labels/a.txt", lines + "\n")
    put(tmp_path / "data.yaml", f"names: [a]\n{settings}\n")
    layout = recognise(tmp_path)
    np.testing.assert_allclose(layout.boxes("images/a.png", W, H), [box], atol=1e-4)


@pytest.mark.parametrize(
    ("lines", "settings", "words"),
    [
        ("0 .5 .5 .5 .5\n0,.5,.5,.5,.5", "names: [a]", "'0,.5,.5,.5,.5'"),
        ("0 .5 .5 .5 .5\na .5 .5 .5 .5", "names: [a]", "'a .5"),
        ("-1 .5 .5 .5 .5\n0 .5 .5 .5 .5", "names: [a]", "'-1 .5"),
        ("0 .5 .5 .5 nan\n0 .5 .5 .5 .5", "names: [a]", "nan"),
        ("0 .1 .1 .5 .1 .5 .5\n0 .1 .1 .5 .1 .5 .5 .1", "names: [a]", "a line of 8 numbers"),
        ("1 .5 .5 .5 .5", "names: {0: a, 2: b}", "received class 1"),
        ("1 .5 .5 .5 .5", "names: {a: b}", "expected names as a list"),
        ("0 .5 .5 .5 .5", "names: [a]\nnames: [b]", "line 2: .*'names' again"),
        ("0 .5 .5 .5 .5", "names: [a", "not valid YAML"),
        ("0 16 12 8 8", "names: [a]", "no shares"),
    ],
)
def test_yolo_without_a_meaning_is_refused_and_checked(tmp_path, lines, settings, words):
    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "labels/a.txt", lines)
    put(tmp_path / "data.yaml", settings)
    with pytest.raises(RefinezooError, match=words):
        CocoDataset.load(tmp_path)
    assert find_renders(tmp_path).renders == ["images/a.png"]
    found = check_dataset(tmp_path)["findings"]
    assert any(re.search(words, file) for finding in found for file in finding["files"])


def test_yolo_class_numbers_with_gaps_keep_their_names(tmp_path):
    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "labels/a.txt", "2 .5 .5 .5 .5\n")
    put(tmp_path / "data.yaml", "names: {0: a, 2: b}")
    dataset = CocoDataset.load(tmp_path)
    assert dataset.class_names == ["a", "b"] and dataset.records[0].labels.tolist() == [1]


def test_voc_objects_without_a_name(tmp_path):
    box = "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>13</xmax><ymax>12</ymax></bndbox>"
    put(tmp_path / "JPEGImages/a.png", photo())
    put(tmp_path / "Annotations/a.xml", f"<a><object><name> </name>{box}</object></a>")
    assert CocoDataset.load(tmp_path).class_names == ["object"]
    put(
        tmp_path / "Annotations/a.xml",
        f"<a><object>{box}</object><object><name>b</name>{box}</object></a>",
    )
    with pytest.raises(RefinezooError, match=r"a\.xml: expected a name"):
        CocoDataset.load(tmp_path)


def test_voc_in_a_namespace(tmp_path):
    put(tmp_path / "JPEGImages/a.png", photo())
    box = "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>13</xmax><ymax>12</ymax></bndbox>"
    text = f'<annotation xmlns="http://voc"><object><name>b</name>{box}</object></annotation>'
    put(tmp_path / "Annotations/a.xml", text)
    np.testing.assert_allclose(
        recognise(tmp_path).boxes("JPEGImages/a.png", W, H), [[3, 4, 13, 12]]
    )
    put(tmp_path / "Annotations/a.xml", text.replace("13", "1e99"))
    assert "expected bndbox" in recognise(tmp_path).format.problems(recognise(tmp_path))[0]


@pytest.fixture
def yolo(tmp_path):
    """Two objects of the classes 0 and 1, not named yet."""
    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "labels/a.txt", "0 .5 .5 .5 .5\n1 .2 .2 .1 .1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"data.yaml": "names: [can, tin]"}, ["can", "tin"]),
        ({"classes.txt": "can\ntin\n", "data.yaml": "names: {1: tin, 0: can}"}, ["can", "tin"]),
        ({"set/data.yaml": "names: [can, tin]", "a.yaml": "lr: 1"}, ["can", "tin"]),
        ({"labels/classes.txt": "can \ntin\n"}, ["can", "tin"]),
        ({"data.yaml": "names: [1, 2.5]"}, ["1", "2.5"]),
        ({"notes.yaml": "a: 1"}, ["class 0", "class 1"]),
    ],
)
def test_names_of_yolo_classes(yolo, files, names, caplog):
    for file, text in files.items():
        put(yolo / file, text)
    assert CocoDataset.load(yolo).class_names == names
    assert ("names the classes: class 0" in caplog.text) == (names[0] == "class 0")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"data.yaml": "names: [can, tin]", "b.yaml": "names: [tin, can]"}, "one list of classes"),
        (
            {"data.yaml": "names: [can, tin]", "classes.txt": "tin\ncan\n"},
            r"data.yaml \(can, tin\)",
        ),
        ({"a/data.yaml": "names: [can, tin]", "b/data.yaml": "names: [tin, can]"}, "Remove the"),
        ({"data.yaml": "names: [no, yes]"}, "received False"),
        ({"data.yaml": "names: [can, ]\nnc: 2"}, "received class 1"),
        ({"data.yaml": "names: [can, null]"}, "received None"),
    ],
)
def test_names_of_yolo_classes_that_contradict(yolo, files, words):
    for file, text in files.items():
        put(yolo / file, text)
    with pytest.raises(RefinezooError, match=words):
        CocoDataset.load(yolo)
    assert not check_dataset(yolo)["ok"]


@pytest.mark.parametrize("corners", [3, 4, 12])
def test_small_polygons_of_one_length_are_no_poses(tmp_path, corners):
    turns = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    for number, (x, y) in enumerate(np.random.default_rng(0).uniform(0.3, 0.9, (6, 2))):
        outline = np.stack([x + 0.05 * np.cos(turns), y + 0.05 * np.sin(turns)], axis=1)
        put(tmp_path / f"images/{number}.png", photo())
        put(tmp_path / f"labels/{number}.txt", f"0 {' '.join(map(str, outline.ravel()))}\n")
        box = recognise(tmp_path).boxes(f"images/{number}.png", W, H)
        low, high = outline.min(axis=0) * (W, H), outline.max(axis=0) * (W, H)
        np.testing.assert_allclose(box, [[*low, *high]], atol=1e-3)


def test_yolo_in_utf_16(yolo):
    boxes = recognise(yolo).boxes("images/a.png", W, H)
    path = yolo / "labels/a.txt"
    path.write_text(path.read_text(), encoding="utf-16")
    np.testing.assert_array_equal(recognise(yolo).boxes("images/a.png", W, H), boxes)


@pytest.mark.parametrize("file", ["labels/b.txt", "Annotations/b.xml"])
def test_annotations_without_an_image_are_said(yolo, file, caplog):
    put(yolo / file, "0 .5 .5 .5 .5\n")
    put(yolo / "labels/classes.txt", "can\ntin\n")
    CocoDataset.load(yolo)
    assert f"1 annotation files belong to no image ({file})" in caplog.text


@pytest.mark.parametrize(
    ("width", "says"), [("32.0", True), (" 32 ", True), ("64.0", False), ("0", True), ("nan", True)]
)
def test_sizes_and_flags_of_voc(tmp_path, width, says):
    put(tmp_path / "JPEGImages/a.png", photo())
    size = f"<size><width>{width}</width><height>{H}.0</height></size>"
    box = "<xmin>2</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax>"
    flags = "<difficult>True</difficult><truncated>yes</truncated>"
    row = f"<object><name>can</name>{flags}<bndbox>{box}</bndbox></object>"
    put(tmp_path / "Annotations/a.xml", f"<annotation>{size}{row}</annotation>")
    if says:
        record = CocoDataset.load(tmp_path).records[0]
        assert record.crowd.tolist() == record.truncated.tolist() == [True]
    else:
        with pytest.raises(RefinezooError, match="expected 64 x 24 pixels"):
            CocoDataset.load(tmp_path)


def xml(said, left=2):
    box = f"<xmin>{left}</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax>"
    row = f"<object><name>can</name><bndbox>{box}</bndbox></object>"
    return f"<annotation><filename>{said}</filename>{row}</annotation>"


@pytest.mark.parametrize("said", ["a.png", "C:\\photos\\a.PNG", "a", " a.jpg "])
def test_voc_files_that_no_image_is_called_like(tmp_path, said):
    put(tmp_path / "JPEGImages/a.png", photo())
    put(tmp_path / "JPEGImages/b.png", photo(1))
    put(tmp_path / "Annotations/label_0001.xml", xml(said))
    put(tmp_path / "Annotations/b.xml", xml("gone.png", left=5))  # called after its image
    boxes = [record.boxes_xywh[0, 0] for record in CocoDataset.load(tmp_path).records]
    assert boxes == [2, 5] and not recognise(tmp_path).notes


def test_voc_files_of_images_that_several_folders_have(tmp_path, caplog):
    for folder in "AB":
        put(tmp_path / f"{folder}/JPEGImages/a.png", photo())
    put(tmp_path / "B/JPEGImages/b.png", photo(1))
    put(tmp_path / "B/Annotations/b.xml", xml("b.png"))
    put(tmp_path / "B/Annotations/label.xml", xml("a.png"))
    assert list(recognise(tmp_path).labels["annotations"]) == ["B/JPEGImages/b.png"]
    CocoDataset.load(tmp_path)
    assert "1 annotation files belong to no image (B/Annotations/label.xml)" in caplog.text


def test_voc_files_that_say_another_image(tmp_path):
    for name, said in (("a", "b.png"), ("b", "a.png"), ("c", "c.jpg")):
        put(tmp_path / f"JPEGImages/{name}.png", photo())
        put(tmp_path / f"Annotations/{name}.xml", xml(said, left=ord(name) - 96))
    assert [r.boxes_xywh[0, 0] for r in CocoDataset.load(tmp_path).records] == [1, 2, 3]
    words = "2 annotations say another image .*Annotations/a.xml of JPEGImages/a.png: b"
    found = check_dataset(tmp_path)["findings"]
    assert any(re.search(words, file) for finding in found for file in finding["files"])
