"""IoU and accuracy against a loop over pixels."""

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.metrics.segmentation import confusion_matrix, iou_table, segmentation_metrics

pytestmark = pytest.mark.once

NAMES = ["sky", "road", "car", "tram"]


def by_hand(truth, predicted, classes, ignore_id):
    pairs = [
        (int(t), int(p))
        for t, p in zip(truth.ravel(), predicted.ravel(), strict=True)
        if t != ignore_id
    ]
    iou = []
    for k in range(classes):
        union = [pair for pair in pairs if k in pair]
        iou.append(sum(pair == (k, k) for pair in pairs) / len(union) if union else None)
    present = [value for value in iou if value is not None]
    recall = [
        sum(pair == (k, k) for pair in pairs) / sum(t == k for t, _ in pairs)
        for k in range(classes)
        if any(t == k for t, _ in pairs)
    ]
    return {
        "mean_iou": sum(present) / len(present),
        "pixel_accuracy": sum(t == p for t, p in pairs) / len(pairs),
        "mean_accuracy": sum(recall) / len(recall),
        "class_iou": dict(zip(NAMES, iou, strict=True)),
        "pixels": len(pairs),
    }


def test_metrics_against_a_loop_over_pixels(rng):
    truth = rng.choice(np.array([0, 1, 2, 11], "uint8"), (3, 8, 9))
    predicted = np.where(rng.uniform(size=truth.shape) < 0.6, truth % 11, 1).astype("uint8")
    found = segmentation_metrics(confusion_matrix(truth, predicted, 4, ignore_id=11), NAMES)
    expected = by_hand(truth, predicted, 4, 11)
    assert found["class_iou"]["tram"] is None and found["pixels"] == expected["pixels"]
    for name in ("mean_iou", "pixel_accuracy", "mean_accuracy"):
        assert found[name] == pytest.approx(expected[name])
    for name in NAMES[:3]:
        assert found["class_iou"][name] == pytest.approx(expected["class_iou"][name])


def test_a_class_that_is_only_called_counts_as_zero():
    truth = np.array([[0, 0, 1, 1]])
    found = segmentation_metrics(confusion_matrix(truth, [[0, 2, 1, 1]], 3), NAMES[:3])
    assert found["class_iou"] == {"sky": 0.5, "road": 1.0, "car": 0.0}
    assert found["mean_iou"] == 0.5 and found["pixel_accuracy"] == 0.75


def test_the_table_sums_over_batches(rng):
    truth, predicted = rng.integers(0, 4, (2, 6, 5, 5))
    whole = confusion_matrix(truth, predicted, 4)
    parts = [confusion_matrix(truth[i : i + 2], predicted[i : i + 2], 4) for i in (0, 2, 4)]
    np.testing.assert_array_equal(sum(parts), whole)
    assert whole.sum() == truth.size


def test_the_printed_table_names_every_class():
    truth = np.array([[0, 0, 1, 255]], "uint8")
    text = iou_table(segmentation_metrics(confusion_matrix(truth, truth % 255, 3), NAMES[:3]))
    rows = [line.split() for line in text.splitlines()]
    assert rows[:3] == [["sky", "100.0"], ["road", "100.0"], ["car", "-"]]
    assert rows[3:] == [["mean", "IoU", "100.0"], ["pixel", "accuracy", "100.0"]]


def test_what_cannot_be_compared_is_refused_with_words():
    truth = np.zeros((1, 4, 4), "uint8")
    with pytest.raises(RefinezooError, match="of one shape"):
        confusion_matrix(truth, truth[:, :2], 2)
    with pytest.raises(RefinezooError, match=r"ids 0 to 1 or 255 \(ignored\), received 7"):
        confusion_matrix(truth + 7, truth, 2)
    with pytest.raises(RefinezooError, match="predictions with ids 0 to 1, received 2"):
        confusion_matrix(truth, truth + 2, 2)
    with pytest.raises(RefinezooError, match="integers, received float64"):
        confusion_matrix(truth * 0.5, truth, 2)
    with pytest.raises(RefinezooError, match="only pixels to ignore"):
        segmentation_metrics(confusion_matrix(truth + 255, truth, 2), ["a", "b"])
    with pytest.raises(RefinezooError, match="one for each name"):
        segmentation_metrics(np.eye(3, dtype=int), ["a", "b"])
