"""COCO sets with defects: worded errors, or counted corrections."""

import json

import numpy as np
import pytest

from refinezoo.data import CocoDataset, write_image
from refinezoo.errors import RefinezooError
from refinezoo.metrics.detection import coco_average_precision


def write_coco(folder, annotations, categories=((3, "milk"), (7, "juice")), images=2):
    """A COCO folder with images of 40 x 30 pixels."""
    rows = []
    for k in range(images):
        write_image(folder / "images" / f"{k}.png", np.full((30, 40, 3), 10 * k, np.uint8))
        rows.append({"id": k + 1, "file_name": f"{k}.png", "width": 40, "height": 30})
    document = {
        "images": rows,
        "annotations": [
            {"id": k + 1, "area": 1, "iscrowd": 0, **row} for k, row in enumerate(annotations)
        ],
        "categories": [{"id": number, "name": name} for number, name in categories],
    }
    (folder / "annotations.json").write_text(json.dumps(document))
    return folder


def box(x, y, w, h, image=1, category=3, **more):
    return {"image_id": image, "category_id": category, "bbox": [x, y, w, h], **more}


def test_loads_folder_or_file(tmp_path):
    folder = write_coco(tmp_path, [box(1, 2, 3, 4), box(5, 5, 9, 9, category=7, iscrowd=1)])
    for source in (folder, folder / "annotations.json"):
        dataset = CocoDataset.load(source)
        record = dataset.records[0]
        assert dataset.class_names == ["milk", "juice"] and dataset.category_ids == [3, 7]
        assert record.boxes_xywh.dtype == np.float32
        assert record.boxes_xywh.tolist() == [[1, 2, 3, 4], [5, 5, 9, 9]]
        assert record.labels.tolist() == [0, 1] and record.crowd.tolist() == [False, True]
        assert len(dataset) == 2 and dataset.records[1].boxes_xywh.shape == (0, 4)
        assert dataset.counts["images_without_objects"] == 1
        assert (dataset.read(1) == 10).all()


def test_boxes_outside_are_clipped_or_dropped_and_counted(tmp_path, caplog):
    rows = [box(-4, 5, 10, 10), box(35, 25, 20, 20), box(50, 5, 5, 5), box(3, 3, 0, 5)]
    dataset = CocoDataset.load(write_coco(tmp_path, rows))
    assert dataset.records[0].boxes_xywh.tolist() == [[0, 5, 6, 10], [35, 25, 5, 5]]
    assert dataset.counts["clipped"] == 2 and dataset.counts["dropped_without_area"] == 2
    assert "2 boxes clipped" in caplog.text and "2 without area" in caplog.text


def test_missing_files(tmp_path):
    folder = write_coco(tmp_path, [])
    (folder / "images" / "1.png").unlink()
    with pytest.raises(RefinezooError, match=r"1 are missing: 1\.png"):
        CocoDataset.load(folder)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (box(1, 1, 2, 2, category=99), "category_id 99"),
        (box(1, 1, 2, 2, image=99), "image_id 99"),
        ({"image_id": 1, "category_id": 3, "bbox": [1, 2]}, "expected bbox"),
        (box(float("nan"), 1, 2, 2), "expected bbox"),
    ],
)
def test_broken_annotations(tmp_path, row, words):
    with pytest.raises(RefinezooError, match=words):
        CocoDataset.load(write_coco(tmp_path, [row]))


@pytest.mark.parametrize(
    ("section", "key"),
    [("images", key) for key in ("id", "file_name")]
    + [("annotations", key) for key in ("image_id", "category_id")]
    + [("categories", key) for key in ("id", "name")],
)
def test_incomplete_rows_are_named(tmp_path, section, key):
    folder = write_coco(tmp_path, [box(1, 1, 2, 2)])
    document = json.loads((folder / "annotations.json").read_text())
    del document[section][0][key]
    (folder / "annotations.json").write_text(json.dumps(document))
    with pytest.raises(RefinezooError, match=rf"row 0 of {section} .*without {key}"):
        CocoDataset.load(folder)


def test_no_coco_file(tmp_path):
    with pytest.raises(RefinezooError, match="found no renders"):
        CocoDataset.load(tmp_path)
    (tmp_path / "annotations.json").write_text("{")
    with pytest.raises(RefinezooError, match="not valid JSON"):
        CocoDataset.load(tmp_path)
    (tmp_path / "annotations.json").write_text('{"images": []}')
    with pytest.raises(RefinezooError, match="annotations, categories"):
        CocoDataset.load(tmp_path)


def test_read_refuses_an_image_of_another_size(tmp_path):
    dataset = CocoDataset.load(write_coco(tmp_path, []))
    write_image(tmp_path / "images" / "0.png", np.zeros((30, 41, 3), np.uint8))
    with pytest.raises(RefinezooError, match="40 x 30 .* 41 x 30"):
        dataset.read(0)


def test_subset_and_concat_by_name(tmp_path):
    one = CocoDataset.load(write_coco(tmp_path / "a", [box(1, 1, 2, 2)]))
    other = CocoDataset.load(
        write_coco(tmp_path / "b", [box(1, 1, 5, 5)], categories=((3, "juice"), (4, "milk")))
    )
    both = one.concat(other)
    assert len(both) == 4 and both.class_names == ["milk", "juice"]
    assert both.records[0].labels.tolist() == [0] and both.records[2].labels.tolist() == [1]
    assert [record.path for record in both.subset([3, 0]).records] == [
        other.records[1].path,
        one.records[0].path,
    ]


def test_what_concat_joins_is_measured_as_one(tmp_path):
    """Ids that both files have are numbered anew; the truth is of both, not of the first file."""
    box_of = ([box(1, 1, 20, 20)], [box(5, 5, 20, 20)])
    one, other = (
        CocoDataset.load(write_coco(tmp_path / name, rows))
        for name, rows in zip("ab", box_of, strict=True)
    )
    both = one.concat(other)
    numbers = [record.id for record in both.records]
    assert len(set(numbers)) == len(numbers)
    found = [
        {
            "image_id": record.id,
            "category_id": both.category_ids[label],
            "bbox": row.tolist(),
            "score": 0.9,
        }
        for record in both.records
        for row, label in zip(record.boxes_xywh, record.labels, strict=True)
    ]
    assert len(found) == 2
    assert coco_average_precision(both.truth(), found, image_ids=numbers)["AP"] == 1
    half = coco_average_precision(both.truth(), found[:1], image_ids=numbers)["AP"]
    assert half == pytest.approx(0.5, abs=0.01)
    assert one.subset([0]).truth() == one.json_path


def test_concat_refuses_other_classes(tmp_path):
    one = CocoDataset.load(write_coco(tmp_path / "a", []))
    other = CocoDataset.load(write_coco(tmp_path / "b", [], categories=((3, "milk"), (4, "juic"))))
    with pytest.raises(RefinezooError, match="only in one of them: juic, juice"):
        one.concat(other)
