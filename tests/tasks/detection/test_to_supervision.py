"""Answers as the fields of `supervision.Detections`."""

import numpy as np

from refinezoo.tasks.detection.to_supervision import to_supervision

ANSWER = {
    "boxes": np.arange(24, dtype="float32").reshape(2, 3, 4),
    "scores": np.array([[0.9, 0.4, 0.0], [0.0, 0.0, 0.0]], "float32"),
    "classes": np.array([[1, 0, -1], [-1, -1, -1]]),
    "count": np.array([2, 0]),
}


def test_padding_and_low_scores_are_left_out():
    first, second = to_supervision(ANSWER, ["milk", "juice"])
    np.testing.assert_array_equal(first["xyxy"], ANSWER["boxes"][0, :2])
    np.testing.assert_array_equal(first["confidence"], np.float32([0.9, 0.4]))
    assert first["class_id"].tolist() == [1, 0]
    assert first["data"]["class_name"].tolist() == ["juice", "milk"]
    assert second["xyxy"].shape == (0, 4) and len(second["class_id"]) == 0
    (sure, none) = to_supervision(ANSWER, ["milk", "juice"], score_threshold=0.5)
    assert sure["class_id"].tolist() == [1] and len(none["class_id"]) == 0
