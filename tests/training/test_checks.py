"""Values that a compiled step would train on without a word."""

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.training import checks

pytestmark = pytest.mark.once


def test_labels():
    checks.check_labels(np.array([0, 2, 1]), 3)
    checks.check_labels(np.array([0.0, 2.0]), 3)
    for wrong in ([0, 3], [-1, 0], [0.5, 1], [[0, 1, 0]]):
        with pytest.raises(RefinezooError, match=r"labels \[B\], whole numbers from 0 to 2"):
            checks.check_labels(np.array(wrong), 3)


def test_quaternions():
    checks.check_quaternions(np.array([[1, 0, 0, 0], [0.6, 0, 0.8, 0]]))
    with pytest.raises(RefinezooError, match="lengths from 1 to 2.*Divide each by its length"):
        checks.check_quaternions(np.array([[1, 0, 0, 0], [2, 0, 0, 0]]))
    with pytest.raises(RefinezooError, match=r"shape \[2, 3\]"):
        checks.check_quaternions(np.ones((2, 3)))


def test_depth():
    depth = np.zeros((2, 4, 4, 1), "float32")
    depth[:, 1:3] = 0.7
    checks.check_depth(depth, 2.0)
    with pytest.raises(RefinezooError, match="median of 700.*millimetres"):
        checks.check_depth(depth * 1000, 2.0)
    with pytest.raises(RefinezooError, match="below 0"):
        checks.check_depth(-depth, 2.0)
    with pytest.raises(RefinezooError, match="not finite"):
        checks.check_depth(np.where(depth > 0, np.nan, depth), 2.0)


@pytest.fixture
def renders(rng):
    """Textured squares on black: images, masks, depth."""
    images = np.zeros((4, 16, 16, 3), "uint8")
    masks = np.zeros((4, 16, 16, 1), "float32")
    masks[:, 4:12, 4:12] = 1.0
    images[:, 4:12, 4:12] = rng.integers(30, 250, (4, 8, 8, 3))
    return images, masks, masks * 0.8


def test_inverted_masks_are_told_by_plain_backgrounds(renders):
    images, masks, _ = renders
    checks.check_mask_polarity(images, masks)
    with pytest.raises(RefinezooError, match=r"inverted \(4 of 4 images.*1 - foreground_mask"):
        checks.check_mask_polarity(images, 1.0 - masks)


def test_inverted_masks_are_told_by_depth(renders, rng):
    images, masks, depth = renders
    images = rng.integers(0, 255, images.shape, "uint8")  # no plain background
    checks.check_mask_polarity(images, 1.0 - masks)  # cannot be told
    checks.check_mask_polarity(images, masks, depth)
    with pytest.raises(RefinezooError, match="inverted"):
        checks.check_mask_polarity(images, 1.0 - masks, depth)


def test_masks_of_0_to_255_are_named(renders):
    images, masks, _ = renders
    with pytest.raises(RefinezooError, match="Divide 0..255 masks by 255"):
        checks.check_mask_polarity(images, masks * 255)


@pytest.mark.parametrize(
    "wrong",
    [
        np.full((1, 2, 2, 3), 200.0, np.float32),
        np.full((1, 2, 2, 3), 200, np.int32),
        np.full((1, 2, 2, 3), np.nan, np.float32),
    ],
)
def test_images_of_another_range(wrong):
    right = np.zeros((1, 2, 2, 3), np.float32)
    halves = {"synthetic": {"image": right, "depth_m": right + 9}, "real": {"image": right}}
    checks.check_images(halves)
    checks.check_images((right, right + 9))
    checks.check_images(np.full((1, 2, 2, 3), 200, np.uint8)[None])
    for batch in ({**halves, "real": {"image": wrong}}, (wrong, right), ({"image": wrong}, right)):
        with pytest.raises(RefinezooError, match="uint8 0 to 255 or as float -1 to 1"):
            checks.check_images(batch)
