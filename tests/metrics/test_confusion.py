import json

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.metrics import class_table, coco_average_precision, confusion

pytestmark = pytest.mark.once

# By category id: milk 3, juice 5, tea 8.
CATEGORIES = [{"id": 5, "name": "juice"}, {"id": 3, "name": "milk"}, {"id": 8, "name": "tea"}]


def _row(image, category, box, **more):
    return {"image_id": image, "category_id": category, "bbox": box, **more}


@pytest.fixture
def truth():
    """Two milks and a juice; a place in image 2 where nobody labelled."""
    boxes = [
        _row(1, 3, [0, 0, 10, 10], id=1),
        _row(1, 3, [30, 0, 10, 10], id=2),
        _row(2, 5, [0, 0, 20, 20], id=3),
    ]
    images = [{"id": 1}, {"id": 2, "ignore_regions": [[50, 50, 40, 40]]}]
    return {"images": images, "annotations": boxes, "categories": CATEGORIES}


@pytest.fixture
def found():
    """One right, one milk taken for juice, one juice missed, one false, one where it may be."""
    return [
        _row(1, 3, [0, 0, 10, 10], score=0.9),
        _row(1, 5, [31, 0, 10, 10], score=0.8),
        _row(2, 8, [70, 10, 9, 9], score=0.7),
        _row(2, 8, [60, 60, 10, 10], score=0.6),
        _row(2, 5, [0, 0, 20, 20], score=0.1),
    ]


def test_counts_by_hand(truth, found):
    result = confusion(truth, found)
    assert result.class_names == ["milk", "juice", "tea"]
    expected = [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]]
    np.testing.assert_array_equal(result.counts, expected)
    assert result.worst(2) == [("milk", "juice", 1), ("juice", "-", 1)]
    assert len(result.worst()) == 3
    assert (
        "| milk | juice | 1 | 50% |\n| juice | - | 1 | 100% |\n| - | tea | 1 |  |" in result.table()
    )


def test_an_object_is_given_away_once_and_to_the_best_score(truth):
    rows = [_row(1, 5, [0, 0, 10, 10], score=0.6), _row(1, 3, [0, 0, 9, 10], score=0.9)]
    counts = confusion(truth, rows, image_ids=[1]).counts
    assert counts[0, 0] == 1 and counts[3, 1] == 1 and counts[0, 3] == 1 and counts.sum() == 3


def test_thresholds(truth, found):
    everything = confusion(truth, found, score_threshold=0.0)
    assert everything.counts[1, 1] == 1
    strict = confusion(truth, found, iou_threshold=0.9)
    assert strict.counts[0].tolist() == [1, 0, 0, 1]  # 31 for 30 overlaps by 9 / 11


def test_every_object_is_in_its_row_once(truth, rng):
    rows = [
        _row(int(rng.integers(1, 3)), int(rng.choice([3, 5, 8])), box.tolist(), score=score)
        for box, score in zip(rng.uniform(1, 25, (60, 4)), rng.random(60), strict=True)
    ]
    counts = confusion(truth, rows).counts
    assert counts[:3].sum(axis=1).tolist() == [2, 1, 0]


def test_bad_input_is_refused(truth, found):
    with pytest.raises(RefinezooError, match="image_ids of the annotations, received \\[7\\]"):
        confusion(truth, found, image_ids=[7])
    with pytest.raises(RefinezooError, match="expected category ids"):
        confusion(truth, [{**found[0], "category_id": 4}])


def test_class_table_has_the_worst_first(truth, found, tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth), encoding="utf-8")
    result = coco_average_precision(path, found)
    rows = class_table(result).splitlines()
    # Juice: its one object comes after a false one. Milk: one of two, 51 of 101 recall points.
    assert rows[2:4] == ["| juice | 0.500 | 0.500 |", "| milk | 0.505 | 0.505 |"]
    assert rows[4] == "| tea | no object | |"
    assert rows[5] == f"| mean | {result['AP50']:.3f} | {result['AP']:.3f} |"
