"""`check_dataset` finds what does not fit, and nothing in what fits."""

import json

import numpy as np
import pytest
from PIL import Image
from small_sets import H, W, coco, ids, photo, put, put_coco
from typer.testing import CliRunner

from refinezoo.cli.app import app
from refinezoo.data import CocoDataset
from refinezoo.data.boxes import other_reading
from refinezoo.data.check import as_text, check_dataset


@pytest.fixture
def whole(tmp_path):
    """Two images with boxes, masks and depth."""
    for number in range(2):
        put(tmp_path / f"images/{number}.png", photo(number))
        put(tmp_path / f"foreground_masks/{number}.png", ids(255))
        put(tmp_path / f"depth/{number}.png", np.full((H, W), 900, np.uint16))
    put_coco(tmp_path / "annotations.json", coco(["0.png", "1.png"]))
    return tmp_path


def codes(root):
    return {(finding["level"], finding["code"]) for finding in check_dataset(root)["findings"]}


def test_a_whole_dataset_has_no_finding(whole):
    report = check_dataset(whole)
    assert report["ok"] and report["findings"] == [] and report["images"] == 2
    assert report["labels"] == {"foreground_mask": 2, "depth": 2}
    assert "Nothing found" in as_text(report)


def _edit(root, change):
    document = json.loads((root / "annotations.json").read_text())
    change(document)
    put_coco(root / "annotations.json", document)


def _of_another_size(document):
    for row in document["annotations"]:
        row["bbox"] = [4 * W, 3, 5, 6]


def _box(*box):
    return lambda root: _edit(root, lambda d: d["annotations"][0].update(bbox=list(box)))


def _copy_to(name, source="images/0.png"):
    def change(root):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((root / source).read_bytes())

    return change


def _turned(root):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(photo()).save(root / "images/0.png", exif=exif)


DEFECTS = {
    ("error", "unreadable"): lambda root: (root / "images/0.png").write_bytes(b"junk"),
    ("error", "missing"): lambda root: (root / "images/0.png").unlink(),
    ("error", "rows"): lambda root: _edit(root, lambda d: d["annotations"][0].update(bbox=[1])),
    ("error", "size"): lambda root: put(root / "foreground_masks/0.png", ids(255)[:5]),
    ("error", "normalised"): _box(0.1, 0.1, 0.5, 0.5),
    ("error", "corners"): _box(18, 12, 28, 20),
    ("error", "outside"): _box(W + 5, 3, 9, 9),
    ("warning", "outside"): _box(-9, 3, 20, 9),
    ("error", "no area"): _box(5, 5, 0, 5),
    ("warning", "doubled box"): lambda root: _edit(
        root, lambda d: d["annotations"].append({**d["annotations"][0], "id": 9})
    ),
    ("note", "empty"): lambda root: _edit(root, lambda d: d["annotations"].pop()),
    ("note", "no object"): lambda root: put(root / "foreground_masks/0.png", ids(0)),
    ("note", "all object"): lambda root: put(
        root / "foreground_masks/0.png", np.full((H, W), 255, np.uint8)
    ),
    ("warning", "coloured"): lambda root: put(
        root / "masks/0.png", np.dstack([ids(), ids(9), ids()])
    ),
    ("warning", "depth unit"): lambda root: put(
        root / "depth/0.png", np.full((H, W), 9, np.uint16)
    ),
    ("error", "boxes"): lambda root: _edit(root, _of_another_size),
    ("warning", "no depth"): lambda root: put(root / "depth/0.png", ids(0).astype(np.uint16)),
    ("warning", "no label"): lambda root: (root / "depth/0.png").unlink(),
    ("warning", "alpha"): lambda root: put(root / "images/0.png", np.dstack([photo(), ids(255)])),
    ("warning", "doubled"): _copy_to("images/1.png"),
    ("warning", "turned"): _turned,
}


@pytest.mark.parametrize("code", DEFECTS, ids=" ".join)
def test_each_defect_is_found(whole, code):
    DEFECTS[code](whole)
    found = codes(whole)
    assert code in found
    assert check_dataset(whole)["ok"] == all(level != "error" for level, _ in found)


def test_sizes_are_compared_with_the_file(whole):
    _edit(whole, lambda d: d["images"][0].update(width=W + 1))
    (finding,) = check_dataset(whole)["findings"]
    assert finding["code"] == "size" and f"annotated {W + 1} x {H}" in finding["files"][0]


@pytest.mark.parametrize("by", ["folders", "files"])
def test_what_is_in_two_splits_is_found_by_content(tmp_path, by):
    if by == "folders":
        put(tmp_path / "train/cat/0.png", photo())
        put(tmp_path / "train/dog/1.png", photo(1))
        put(tmp_path / "test/cat/9.png", photo())
    else:
        put(tmp_path / "images/0.png", photo())
        put(tmp_path / "images/9.png", photo())
        put_coco(tmp_path / "train.json", coco(["0.png"]))
        put_coco(tmp_path / "test.json", coco(["9.png"]))
    assert ("error", "split leakage") in codes(tmp_path)


def test_doubled_names(tmp_path):
    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "images/a.jpg", photo(1))
    assert ("warning", "doubled name") in codes(tmp_path)


def test_the_command(whole):
    run = CliRunner().invoke(app, ["check", str(whole)])
    assert run.exit_code == 0 and "coco: 2 images" in run.output
    (whole / "images/0.png").unlink()
    run = CliRunner().invoke(app, ["check", str(whole), "--json"])
    assert run.exit_code == 1
    assert json.loads(run.output)["findings"][0]["code"] == "missing"
    assert CliRunner().invoke(app, ["check", str(whole / "nothing")]).exit_code == 2


def test_several_coco_files_are_one_dataset(whole):
    put_coco(whole / "test.json", coco(["1.png"]))
    assert codes(whole) == set()
    put_coco(whole / "test.json", coco(["1.png"], box=(1, 2)))
    (finding,) = check_dataset(whole)["findings"]
    assert finding["code"] == "rows" and finding["files"][0].startswith(str(whole / "test.json"))


def test_names_that_no_terminal_prints(whole):
    _edit(whole, lambda d: d["images"][0].update(file_name="a\ud800.png"))
    run = CliRunner().invoke(app, ["check", str(whole), "--json"])
    assert run.exit_code == 1
    assert json.loads(run.output)["findings"][0]["files"] == ["a\ud800.png"]


@pytest.mark.parametrize(
    "polygon", [[[1, 2, 3]], [[3, 4, 300, 4, 300, 12]], [[20, 15, 30, 20, 25, 22]]]
)
def test_polygons_that_do_not_fit(whole, polygon):
    _edit(whole, lambda d: d["annotations"][0].update(segmentation=[[3, 4, 13, 4, 13, 12]]))
    assert codes(whole) == set()
    _edit(whole, lambda d: d["annotations"][0].update(segmentation=polygon))
    assert codes(whole) == {("warning", "polygon")}


def _scattered(count, seed=0):
    """Boxes anywhere in an image of 640 x 480: x, y, width, height."""
    draw = np.random.default_rng(seed)
    limits = np.array([640, 480])
    sizes = draw.uniform(0.1, 0.4, (count, 2)) * limits
    return np.hstack([draw.uniform(0, 1, (count, 2)) * (limits - sizes), sizes])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b, ""),
        (lambda b: b + b[:, [2, 3, 0, 1]] * [0.5, 0.5, 0, 0], "centre x, centre y"),
        (lambda b: b[:, [1, 0, 3, 2]], "y, x, height, width"),
        (lambda b: b - b[:, [2, 3, 0, 1]] * [0.5, 0.5, 0, 0], ""),  # objects that are cut off
        (lambda b: np.vstack([b, [[600, 400, 99, 20]]]), ""),  # a slip
    ],
)
def test_boxes_that_would_fit_if_their_numbers_meant_something_else(change, words):
    boxes = [(box, (640, 480)) for box in change(_scattered(100)).tolist()]
    found = other_reading(boxes)
    assert words in found and bool(words) == bool(found)


def test_boxes_by_their_centres_are_said(whole, caplog):
    def by_centres(document):
        row = document["annotations"][0]
        boxes = [(W - w / 2, 4 + h / 2, w, h) for w, h in ((9, 5), (7, 6), (8, 3), (5, 5))]
        document["annotations"] = [
            {**row, "id": k, "image_id": 1 + k % 2, "bbox": box} for k, box in enumerate(boxes)
        ]

    _edit(whole, by_centres)
    assert ("error", "reading") in codes(whole)
    CocoDataset.load(whole)
    assert "would fit as centre x, centre y" in caplog.text
