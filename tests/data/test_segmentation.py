"""Masks of class ids on disk and in batches."""

import cv2
import numpy as np
import pytest
from PIL import Image

from refinezoo.data.arrays import ArrayBatches
from refinezoo.data.depth import AugmentedBatches
from refinezoo.data.segmentation import (
    SegmentationAugmentation,
    read_class_ids,
    read_segmentation_folder,
)
from refinezoo.errors import RefinezooError


@pytest.fixture
def folder(tmp_path, rng):
    """Three images of 12 x 16 with masks of ids 0, 3 and 200."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for stem in ("a", "b", "c"):
        image = rng.integers(0, 256, (12, 16, 3), "uint8")
        cv2.imwrite(str(tmp_path / "images" / f"{stem}.jpg"), image)
        mask = rng.choice(np.array([0, 3, 200], "uint8"), (12, 16))
        cv2.imwrite(str(tmp_path / "masks" / f"{stem}.png"), mask)
    return tmp_path


def test_a_palette_png_gives_its_indices_not_its_colours(tmp_path, rng):
    ids = rng.integers(0, 21, (6, 7), "uint8")
    image = Image.fromarray(ids)
    image.putpalette([(37 * k) % 256 for k in range(768)])
    image.save(tmp_path / "voc.png")
    found = read_class_ids(tmp_path / "voc.png")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, ids)
    Image.fromarray(np.repeat(ids[..., None], 3, -1)).save(tmp_path / "rgb.png")
    np.testing.assert_array_equal(read_class_ids(tmp_path / "rgb.png"), ids)


def test_masks_that_hold_no_class_ids_are_refused(tmp_path, rng):
    colours = rng.integers(0, 256, (6, 7, 3), "uint8")
    cv2.imwrite(str(tmp_path / "x.png"), colours)
    with pytest.raises(RefinezooError, match="received colours"):
        read_class_ids(tmp_path / "x.png")
    cv2.imwrite(str(tmp_path / "x.jpg"), colours[..., 0])
    with pytest.raises(RefinezooError, match="lossy format"):
        read_class_ids(tmp_path / "x.jpg")
    cv2.imwrite(str(tmp_path / "x.png"), np.full((4, 4), 26001, "uint16"))
    with pytest.raises(RefinezooError, match="received 26001 to 26001"):
        read_class_ids(tmp_path / "x.png")
    (tmp_path / "y.png").write_bytes(b"no image")
    with pytest.raises(RefinezooError, match="do not decode"):
        read_class_ids(tmp_path / "y.png")


def test_a_folder_is_read_in_order_and_scaled(folder):
    found = read_segmentation_folder(folder, (6, 8), stems=["c", "a"])
    assert found["image"].shape == (2, 6, 8, 3) and found["class_ids"].shape == (2, 6, 8)
    assert set(np.unique(found["class_ids"])) <= {0, 3, 200}  # nearest: no id is made up
    whole = read_segmentation_folder(folder)
    assert whole["class_ids"].shape == (3, 12, 16)
    np.testing.assert_array_equal(whole["class_ids"][1], read_class_ids(folder / "masks/b.png"))


def test_images_that_do_not_fit_are_named(folder):
    with pytest.raises(RefinezooError, match="'z'"):
        read_segmentation_folder(folder, stems=["a", "z"])
    cv2.imwrite(str(folder / "masks" / "b.png"), np.ones((6, 8), "uint8"))
    with pytest.raises(RefinezooError, match="size of its image"):
        read_segmentation_folder(folder)
    (folder / "masks" / "b.png").unlink()
    with pytest.raises(RefinezooError, match="b.png"):
        read_segmentation_folder(folder)


def test_augmentation_keeps_image_and_mask_aligned():
    """Where the mask says k the image has the brightness 20 k; where it is ignored, the mean."""
    ids = np.kron(np.arange(12).reshape(3, 4), np.ones((16, 16))).astype("uint8")[..., None]
    record = {"image": np.repeat(20 * ids, 3, -1), "class_ids": ids}
    augmentation = SegmentationAugmentation(crop=(40, 36), ignore_id=99)
    seen = set()
    for seed in range(20):
        found = augmentation(record, np.random.default_rng(seed))
        image, mask = found["image"], found["class_ids"]
        assert image.shape == (40, 36, 3) and mask.shape == (40, 36, 1)
        assert (image[mask[..., 0] == 99] == (123, 117, 104)).all()
        known = mask[..., 0] != 99
        wrong = np.abs(image[known, 0].astype(int) - 20 * mask[known, 0]) > 15
        assert wrong.mean() < 0.15  # blurred edges between the squares
        seen.add((bool((~known).any()), bool(mask[-1, 0, 0] > mask[-1, -1, 0])))
    assert len(seen) >= 3  # padded and not, mirrored and not


def test_without_a_crop_the_size_stays_and_light_changes_only_the_image(rng):
    record = {
        "image": rng.integers(50, 200, (20, 30, 3), "uint8"),
        "class_ids": rng.integers(0, 5, (20, 30, 1), "uint8"),
    }
    still = SegmentationAugmentation(scale=(1, 1), flip=0.0, brightness=0.5)
    found = still(record, np.random.default_rng(1))
    np.testing.assert_array_equal(found["class_ids"], record["class_ids"])
    assert found["image"].shape == (20, 30, 3) and (found["image"] != record["image"]).any()
    zoomed = SegmentationAugmentation(scale=(0.5, 0.5))(record, rng)
    assert zoomed["image"].shape == (20, 30, 3)
    assert (zoomed["class_ids"] == 255).mean() == pytest.approx(0.75)


def test_batches_are_pairs_that_depend_on_seed_and_epoch_alone(rng):
    arrays = (
        rng.integers(0, 256, (5, 16, 16, 3), "uint8"),
        rng.integers(0, 4, (5, 16, 16, 1), "uint8"),
    )

    def batches():
        return AugmentedBatches(
            ArrayBatches(arrays, batch_size=3, steps=2),
            SegmentationAugmentation(),
            seed=4,
            pair=("image", "class_ids"),
        )

    first, second = batches(), batches()
    images, masks = first[1]
    assert images.shape == (3, 16, 16, 3) and masks.shape == (3, 16, 16, 1)
    np.testing.assert_array_equal(masks, second[1][1])
    second.on_epoch_end()
    assert (second[1][1] != masks).any()
