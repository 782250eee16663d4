"""COCO files as exporters write them: one meaning, or words; the same for training and refining."""

import unicodedata

import numpy as np
import pytest
from small_sets import H, W, coco, photo, put, put_coco

from refinezoo.data import CocoDataset
from refinezoo.data.coco_masks import mask_bounds
from refinezoo.errors import RefinezooError
from refinezoo.refinement import find_renders

NAMES = ["a.png", "b.png"]


@pytest.fixture
def make(tmp_path):
    def build(change=None, *, folder="images", document="annotations.json", encoding="utf-8"):
        for number, name in enumerate(NAMES):
            put(tmp_path / folder / name, photo(number))
        content = coco(NAMES)
        if change:
            change(content)
        put_coco(tmp_path / document, content, encoding)
        return tmp_path / document

    return build


def _rows(key, section, change):
    def edit(document):
        for row in document[section]:
            row[key] = change(row[key])

    return edit


def _names(change):
    return _rows("file_name", "images", change)


def _no_box(document, box=None):
    row = document["annotations"][0]
    row["bbox"], row["segmentation"] = box, [[3, 4, 13, 4, 13, 12, 3, 12]]


def _bare_polygon(document):
    _no_box(document)
    document["annotations"][0]["segmentation"] = [3, 4, 13, 4, 13, 12, 3, 12]


def _rle(document, change=lambda counts: counts, size=(H, W), bbox=None):
    from pycocotools import mask

    filled = np.zeros((H, W), np.uint8, order="F")
    filled[4:12, 3:13] = 1
    counts = mask.encode(filled)["counts"].decode()
    document["annotations"][0]["bbox"] = bbox
    document["annotations"][0]["segmentation"] = {"size": list(size), "counts": change(counts)}


def _shared_image(document):
    document["images"].append({**document["images"][0], "id": 9})
    document["annotations"].append({**document["annotations"][0], "image_id": 9})


def _shared_file(document):
    document["images"].append({**document["images"][0], "id": 9, "file_name": "images/a.png"})


def _corners(document, **told):
    """Boxes as corners, both within their images also when read as x, y, width, height."""
    for row in document["annotations"]:
        row.update(told, bbox=[3, 4, 13, 12])


def _two_cartons(document):
    document["categories"].append({"id": 2, "name": "carton"})
    document["annotations"][1]["category_id"] = 2


def _ids(change):
    def edit(document):
        for section, key in (
            ("images", "id"),
            ("annotations", "image_id"),
            ("annotations", "category_id"),
            ("categories", "id"),
        ):
            _rows(key, section, change)(document)

    return edit


SAME = {
    "plain": {},
    "byte order mark": {"encoding": "utf-8-sig"},
    "UTF-16": {"encoding": "utf-16"},
    "backslashes": {"change": _names("cam0\\{}".format), "folder": "images/cam0"},
    "sub-folder": {"change": _names("cam0/{}".format), "folder": "images/cam0"},
    "dot": {"change": _names("./{}".format)},
    "images prefix": {"change": _names("images/{}".format)},
    "of another machine": {"change": _names("/home/me/set/images/{}".format)},
    "of Windows": {"change": _names("C:\\set\\images\\{}".format)},
    "percent-encoded": {"change": _names(lambda name: f"my%20set%2F{name}"), "folder": "my set"},
    "signed addresses": {"change": _names("https://host/me/images/{}?X-Amz-Date=1".format)},
    "addresses": {"change": _names("https://host/me/images/{}".format)},
    "FiftyOne": {"folder": "data", "document": "labels.json"},
    "a folder of renders": {"folder": "rgb"},
    "capitals": {"change": _names(str.upper)},
    "up and down": {"change": _names("../images/{}".format), "document": "annotations/a.json"},
    "COCO's own": {"folder": "train2017", "document": "annotations/instances_train2017.json"},
    "Roboflow": {"folder": "train", "document": "train/_annotations.coco.json"},
    "text ids": {"change": _ids(str)},
    "float ids": {"change": _ids(float)},
    "words as ids": {"change": _ids("x{}".format)},
    "sizes as text": {"change": lambda d: [row.update(width=str(W)) for row in d["images"]]},
    "no sizes": {"change": lambda d: [row.pop("width") for row in d["images"]]},
    "sizes 0": {"change": lambda d: [row.update(width=0, height=0) for row in d["images"]]},
    "a twin of the category": {
        "change": lambda d: d["categories"].insert(0, {"id": 0, "name": "carton"})
    },
    "a bare polygon": {"change": _bare_polygon},
    "numbers that are none elsewhere": {
        "change": lambda d: [row.update(area=float("nan"), id=2**80) for row in d["annotations"]]
    },
    "boxes as text": {"change": _rows("bbox", "annotations", lambda b: [str(v) for v in b])},
    "boxes as objects": {
        "change": _rows(
            "bbox",
            "annotations",
            lambda b: dict(zip(("x", "y", "width", "height"), b, strict=True)),
        )
    },
    "crowd as text": {"change": _rows("iscrowd", "annotations", lambda _: "0")},
    "crowd null": {"change": _rows("iscrowd", "annotations", lambda _: None)},
    "visibility null": {
        "change": lambda d: [row.update(visibility=None, truncated="0") for row in d["annotations"]]
    },
    "no annotation ids": {"change": lambda d: [row.pop("id") for row in d["annotations"]]},
    "polygon for a box": {"change": _no_box},
    "polygon beside an empty box": {"change": lambda d: _no_box(d, [0, 0, 0, 0])},
    "run lengths beside an empty box": {"change": lambda d: _rle(d, bbox=[0, 0, 0, 0])},
    "spaces around the category": {"change": lambda d: d["categories"][0].update(name="carton ")},
    "run lengths for a box": {"change": _rle},
    "doubled rows": {"change": lambda d: d["images"].append(dict(d["images"][0]))},
    "images by id": {
        "change": lambda d: d.update(images={str(row["id"]): row for row in d["images"]})
    },
}


@pytest.mark.parametrize("name", SAME)
def test_has_one_meaning(make, tmp_path, name):
    path = make(**SAME[name])
    dataset = CocoDataset.load(path)
    assert [record.path.name for record in dataset.records] == NAMES
    assert [record.boxes_xywh.tolist() for record in dataset.records] == [[[3, 4, 10, 8]]] * 2
    assert all(record.crowd.tolist() == [False] for record in dataset.records)
    assert dataset.read(1).shape == (H, W, 3) and dataset.class_names == ["carton"]
    layout = find_renders(tmp_path)
    assert layout.kind == "coco" and not layout.missing
    assert [tmp_path / render for render in layout.renders] == [r.path for r in dataset.records]
    boxes = [layout.boxes(render, W, H).tolist() for render in layout.renders]
    assert boxes == [[[3, 4, 13, 12]]] * 2


def test_absolute_names_inside(make, tmp_path):
    path = make(_names(lambda name: str((tmp_path / "images" / name).resolve())))
    assert len(CocoDataset.load(path)) == len(find_renders(tmp_path).renders) == 2


def test_unicode_forms(tmp_path):
    put(tmp_path / "images/caf\u00e9.png", photo())
    put_coco(tmp_path / "a.json", coco([unicodedata.normalize("NFD", "caf\u00e9.png")]))
    assert len(CocoDataset.load(tmp_path / "a.json")) == len(find_renders(tmp_path).renders) == 1


def test_annotations_null(make):
    dataset = CocoDataset.load(make(lambda d: d.update(annotations=None)))
    assert dataset.counts["images_without_objects"] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_rows("bbox", "annotations", lambda b: [v / 100 for v in b]), "look normalised"),
        (_rows("bbox", "annotations", lambda b: None), "expected bbox"),
        (_rows("iscrowd", "annotations", lambda b: "perhaps"), "iscrowd to be 0 or 1"),
        (_rows("id", "images", lambda b: [1]), "whole number or text"),
        (_rows("width", "images", lambda b: W + 1), rf"expected {W + 1} x {H} pixels"),
        (_rows("width", "images", lambda b: -W), "width in pixels"),
        (lambda d: d["annotations"].append(None), "row 2 of annotations"),
        (lambda d: d.update(categories=["carton"]), "row 0 of categories"),
        (lambda d: d.update(images="all"), "a list of images, received str"),
        (lambda d: d["images"].append({**d["images"][0], "file_name": "b.png"}), "twice"),
        (_rows("bbox", "annotations", lambda b: [18, 12, 28, 20]), "seem to be x1, y1, x2, y2"),
        (_rows("bbox", "annotations", lambda b: [40, 40, 5, 5]), "another size"),
        (_shared_image, "images 1 and 9 are both a.png"),
        (_shared_file, "images 1 and 9 are both .*a.png"),
        (lambda d: _corners(d, area=80), "as the area or polygon of 2 of 2 says"),
        (lambda d: _corners(d, segmentation=[[3, 4, 13, 4, 13, 12]]), "polygon of 2 of 2 says"),
        (lambda d: d["annotations"][1].update(bbox=[0.1, 0.2, 0.3, 0.4]), "the first pixel"),
        (lambda d: d["annotations"][1].update(bbox=[0, 0.2, 0.3, 0.4]), "the first pixel"),
        (_two_cartons, "categories 1 and 2 are both called 'carton'"),
        (lambda d: _rle(d, lambda counts: counts + "1"), "do not fill 32 x 24"),
        (lambda d: _rle(d, lambda counts: "garbage\x01"), "no run lengths"),
        (lambda d: _rle(d, lambda counts: counts + "o"), "within a number"),
        (lambda d: _rle(d, lambda counts: [-5, H * W + 5]), "counts are"),
        (lambda d: _rle(d, size=(H, W + 1)), f"its size is {W + 1} x {H}"),
        (lambda d: _rle(d, size=(1e300, 2)), "its size is"),
        (lambda d: d.update(images=[], annotations=[]), "names none"),
        (_names("../../{}".format), "outside the dataset"),
        (_names("/etc/{}.none".format), "outside the dataset"),
    ],
)
def test_has_no_meaning(make, change, words):
    with pytest.raises(RefinezooError, match=words):
        CocoDataset.load(make(change))


@pytest.mark.parametrize("box", [[0, 0, 1, 1], [0, 0, 0.6, 0.4]])
def test_what_is_left_of_an_object_in_the_corner_is_no_normalised_box(make, box):
    dataset = CocoDataset.load(make(lambda d: d["annotations"][1].update(bbox=box)))
    boxes = [record.boxes_xywh for record in dataset.records if len(record.boxes_xywh)]
    np.testing.assert_allclose(boxes[1], [box], atol=1e-6)


def test_several_files_need_a_choice(make, tmp_path):
    make()
    put_coco(tmp_path / "test.json", coco(["b.png"]))
    (tmp_path / "annotations.json").rename(tmp_path / "train.json")
    with pytest.raises(RefinezooError, match="Give one of these files"):
        CocoDataset.load(tmp_path)
    assert len(CocoDataset.load(tmp_path / "test.json")) == 1
    assert len(find_renders(tmp_path).renders) == 2


def test_bounds_are_those_of_pycocotools(rng):
    from pycocotools import mask

    for density in (0.0, 0.01, 0.3, 1.0):
        filled = np.asfortranarray(rng.random((13, 9)) < density).astype(np.uint8, order="F")
        encoded = mask.encode(filled)
        plain = [len(run) for run in _runs_of(filled.ravel(order="F"))]
        for counts in (encoded["counts"], encoded["counts"].decode(), plain):
            bounds = mask_bounds({"size": [13, 9], "counts": counts})
            assert (bounds or [0, 0, 0, 0]) == mask.toBbox(encoded).tolist()


def _runs_of(values):
    """Runs of equal values, the first of zeros."""
    edges = np.flatnonzero(np.diff(values)) + 1
    return ([[]] if values[0] else []) + np.split(values, edges)
