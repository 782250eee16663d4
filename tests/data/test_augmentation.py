"""Image, mask, depth and boxes stay aligned: the image's content encodes the mask."""

import numpy as np
import pytest

from refinezoo.data.augmentation import Augmentation, crop, flip, photometric, resize, rotate
from refinezoo.errors import RefinezooError


@pytest.fixture
def record():
    """A white object (20 x 12 at x=30, y=10) on black, 2 m away before a wall at 5 m."""
    mask = np.zeros((48, 64, 1), np.float32)
    mask[10:22, 30:50] = 1
    return {
        "image": np.repeat((mask * 255).astype(np.uint8), 3, 2),
        "foreground_mask": mask,
        "depth_m": np.where(mask > 0, 2.0, 5.0).astype(np.float32),
        "boxes_xywh": np.float32([[30, 10, 20, 12]]),
        "labels": np.array([4]),
        "crowd": np.array([False]),
    }


def mask_box(mask):
    rows, columns = np.flatnonzero(mask[..., 0].any(1)), np.flatnonzero(mask[..., 0].any(0))
    return np.array([columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1])


def check_aligned(record, box_tolerance):
    image, mask = record["image"][..., 0], record["foreground_mask"][..., 0]
    assert set(np.unique(mask)) <= {0, 1}
    disagree = (image > 127) != (mask > 0.5)
    assert disagree.mean() < 0.01
    depth = record["depth_m"][..., 0]
    assert set(np.unique(depth)) <= {0.0, 2.0, 5.0}  # metres, never interpolated
    assert ((depth == 2.0) == (mask > 0.5)).all()
    assert np.abs(record["boxes_xywh"][0] - mask_box(record["foreground_mask"])).max() <= (
        box_tolerance
    )


def test_flip(record):
    flipped = flip(record)
    check_aligned(flipped, 0)
    assert flipped["boxes_xywh"].tolist() == [[14, 10, 20, 12]]
    assert (flip(flipped)["image"] == record["image"]).all()
    assert record["boxes_xywh"].tolist() == [[30, 10, 20, 12]]


def test_crop(record):
    cut = crop(record, 35, 5, 20, 30)
    check_aligned(cut, 0)
    assert cut["image"].shape == (30, 20, 3) and cut["boxes_xywh"].tolist() == [[0, 5, 15, 12]]


def test_crop_drops_boxes_and_their_labels(record):
    cut = crop(record, 0, 0, 31, 48)  # 5 % of the object are left
    assert cut["boxes_xywh"].shape == (0, 4) and cut["labels"].shape == (0,)
    assert cut["crowd"].shape == (0,)
    with pytest.raises(RefinezooError, match="window inside 64 x 48"):
        crop(record, 50, 0, 20, 20)


@pytest.mark.parametrize("size", [(96, 128), (24, 32), (48, 64), (30, 70)])
def test_resize(record, size):
    scaled = resize(record, *size)
    check_aligned(scaled, 1.0)
    assert scaled["image"].shape == (*size, 3) and scaled["depth_m"].shape == (*size, 1)


@pytest.mark.parametrize("degrees", [0, 90, -90, 180])
def test_rotate_by_right_angles(record, degrees):
    square = crop(record, 10, 0, 48, 48)
    turned = rotate(square, degrees)
    check_aligned(turned, 0.01)
    assert (turned["image"] == np.rot90(square["image"], -degrees // 90)).all()


def test_rotate_by_any_angle(record):
    turned = rotate(record, 20)
    disagree = (turned["image"][..., 0] > 127) != (turned["foreground_mask"][..., 0] > 0.5)
    assert disagree.mean() < 0.01
    box, tight = turned["boxes_xywh"][0], mask_box(turned["foreground_mask"])
    assert (box[:2] <= tight[:2] + 1).all()
    assert (box[:2] + box[2:] >= tight[:2] + tight[2:] - 1).all()
    assert (turned["depth_m"][0, 0] == 0).all()  # uncovered corner: missing


def test_photometric_changes_only_the_image(record):
    changed = photometric(record, brightness=0.5, contrast=0.8, saturation=0.5, hue_degrees=30)
    assert changed["image"].dtype == np.uint8 and changed["image"].max() < 200
    for key in ("foreground_mask", "depth_m", "boxes_xywh"):
        assert changed[key] is record[key]
    neutral = photometric(record)
    assert (neutral["image"] == record["image"]).all()


def test_augmentation_is_seeded_and_aligned(record):
    augmentation = Augmentation(flip=0.5, crop=0.7, brightness=0.1)
    for seed in range(8):
        once = augmentation(record, np.random.default_rng(seed))
        again = augmentation(record, np.random.default_rng(seed))
        assert (once["image"] == again["image"]).all()
        assert once["image"].shape == (48, 64, 3)
        if len(once["labels"]):
            check_aligned(once, 1.5)
    other = augmentation(record, np.random.default_rng(99))
    assert (other["image"] != once["image"]).any()


def test_misaligned_records_are_refused(record):
    with pytest.raises(RefinezooError, match="expected depth_m"):
        flip({**record, "depth_m": record["depth_m"][:10]})
    with pytest.raises(RefinezooError, match='expected "image"'):
        flip({"foreground_mask": record["foreground_mask"]})
