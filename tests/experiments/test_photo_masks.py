"""Masks of photos by GrabCut, or by a model of the user's own."""

from types import SimpleNamespace

import numpy as np
import pytest

from refinezoo.data.masks import grabcut_mask
from refinezoo.errors import RefinezooError
from refinezoo.experiments.photo_masks import mask_by, mask_function
from refinezoo.tasks.detection.kind import DETECTOR
from refinezoo.tasks.segmentation.kind import SEGMENTER

pytestmark = pytest.mark.once


def carton():
    """A red carton before grey, uint8 [48, 64, 3], and its box."""
    image = np.random.default_rng(0).integers(90, 110, (48, 64, 3), np.uint8)
    image[10:40, 20:44] = (200, 30, 30)
    return image, [20.0, 10.0, 44.0, 40.0]


def detector(boxes, scores):
    found = {
        "boxes": np.array([boxes], "float32"),
        "scores": np.array([scores], "float32"),
        "classes": np.zeros((1, len(boxes)), int),
        "count": np.array([len(boxes)]),
    }
    return SimpleNamespace(kind=DETECTOR, predict=lambda images, verbose: found)


def test_a_detector_gives_what_is_in_its_sure_boxes():
    image, box = carton()
    mask = mask_by(detector([box, [0, 0, 15, 15], [3, 3, 3, 9]], [0.9, 0.3, 0.9]))(image)
    assert mask.shape == (48, 64, 1)
    assert mask[12:38, 22:42].mean() > 0.95 and mask[:, :16].max() == 0
    assert not mask_by(detector([box], [0.4]))(image).any()


def test_a_segmenter_gives_what_is_neither_class_0_nor_void():
    ids = np.array([[[0, 1, 255], [2, 0, 0]]], "uint8")
    model = SimpleNamespace(kind=SEGMENTER, predict=lambda images, verbose: ids, ignore_id=255)
    mask = mask_by(model)(np.zeros((2, 3, 3), "uint8"))
    np.testing.assert_array_equal(mask[..., 0], [[0, 1, 0], [1, 0, 0]])


def test_what_finds_no_objects_is_worded(small_model, tmp_path):
    assert mask_function(None) is None and mask_function("grabcut") is grabcut_mask
    folder = small_model("PopulationTransport").save_to_preset(tmp_path / "preset")
    with pytest.raises(RefinezooError, match="a detector or a segmenter, received a refiner"):
        mask_function("preset", tmp_path)
    with pytest.raises(RefinezooError, match="received a refiner"):
        mask_function(str(folder))
