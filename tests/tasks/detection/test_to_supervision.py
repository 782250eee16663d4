"""Answers as `supervision.Detections`: of the library itself where it is installed."""

import importlib.util
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.tasks.detection.to_supervision import to_supervision

ANSWER = {
    "boxes": np.arange(24, dtype="float32").reshape(2, 3, 4),
    "scores": np.array([[0.9, 0.4, 0.0], [0.0, 0.0, 0.0]], "float32"),
    "classes": np.array([[1, 0, -1], [-1, -1, -1]]),
    "count": np.array([2, 0]),
}


@dataclass
class Detections:
    """The fields that are filled, as supervision 0.31 has them."""

    xyxy: np.ndarray
    confidence: np.ndarray
    class_id: np.ndarray
    data: dict


@pytest.fixture(params=["stand-in", "installed"])
def library(request, monkeypatch):
    if request.param == "stand-in":
        stand_in = SimpleNamespace(Detections=Detections)
        monkeypatch.setitem(sys.modules, "supervision", stand_in)
    elif importlib.util.find_spec("supervision") is None:
        pytest.skip("supervision is not installed")


def test_padding_and_low_scores_are_left_out(library):
    first, second = to_supervision(ANSWER, ["milk", "juice"])
    np.testing.assert_array_equal(first.xyxy, ANSWER["boxes"][0, :2])
    np.testing.assert_array_equal(first.confidence, np.float32([0.9, 0.4]))
    assert first.class_id.tolist() == [1, 0]
    assert first.data["class_name"].tolist() == ["juice", "milk"]
    assert second.xyxy.shape == (0, 4) and len(second.class_id) == 0
    (sure, none) = to_supervision(ANSWER, ["milk", "juice"], score_threshold=0.5)
    assert sure.class_id.tolist() == [1] and len(none.class_id) == 0


def test_without_the_library_the_remedy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(RefinezooError, match="pip install supervision"):
        to_supervision(ANSWER, ["milk", "juice"])
