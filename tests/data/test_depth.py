"""Depth on disk and in batches."""

import cv2
import numpy as np
import pytest

from refinezoo.data.arrays import ArrayBatches, UnpairedArrays
from refinezoo.data.augmentation import Augmentation
from refinezoo.data.depth import AugmentedBatches, read_depth, read_depth_folder, resize_depth
from refinezoo.errors import RefinezooError


@pytest.fixture
def folder(tmp_path, rng):
    """Three frames of 12 x 16 with depth in millimetres, one hole each."""
    for name in ("images", "depth"):
        (tmp_path / name).mkdir()
    for stem in ("a", "b", "c"):
        depth = rng.integers(800, 4000, (12, 16), "uint16")
        depth[0, 0] = 0
        image = rng.integers(0, 256, (12, 16, 3), "uint8")
        cv2.imwrite(str(tmp_path / "images" / f"{stem}.png"), image)
        cv2.imwrite(str(tmp_path / "depth" / f"{stem}.png"), depth)
    return tmp_path


def test_depth_files_become_metres(folder, tmp_path):
    path = folder / "depth" / "a.png"
    steps = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    depth = read_depth(path)
    assert depth.dtype == np.float32 and depth.shape == (12, 16, 1)
    np.testing.assert_allclose(depth[..., 0], steps / 1000, rtol=1e-6)
    np.testing.assert_allclose(read_depth(path, unit_m=0.01), depth * 10, rtol=1e-6)
    np.save(tmp_path / "x.npy", np.array([[1.5, np.nan], [np.inf, -1]], "float32"))
    np.testing.assert_array_equal(read_depth(tmp_path / "x.npy")[..., 0], [[1.5, 0], [0, 0]])


def test_files_that_are_no_depth_are_refused(tmp_path):
    np.save(tmp_path / "behind.npy", np.array([[-1.5, np.nan], [-2, 0]], "float32"))
    with pytest.raises(RefinezooError, match="negative numbers only"):
        read_depth(tmp_path / "behind.npy")
    cv2.imwrite(str(tmp_path / "x.png"), np.full((4, 4), 200, "uint8"))
    with pytest.raises(RefinezooError, match="16 bits or more, received 8 bits"):
        read_depth(tmp_path / "x.png")
    np.save(tmp_path / "x.npy", np.zeros((4, 4, 3), "float32"))
    with pytest.raises(RefinezooError, match=r"\[H, W\], received \[4, 4, 3\]"):
        read_depth(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", np.zeros((0, 4), "float32"))
    with pytest.raises(RefinezooError, match=r"\[H, W\], received \[0, 4, 1\]"):
        read_depth(tmp_path / "x.npy")
    (tmp_path / "y.npy").write_bytes(b"no array")
    with pytest.raises(RefinezooError, match="expected a depth map"):
        read_depth(tmp_path / "y.npy")


def test_a_folder_is_read_in_order_and_scaled(folder):
    frames = read_depth_folder(folder, (6, 8), stems=["c", "a"])
    assert frames["image"].shape == (2, 6, 8, 3) and frames["image"].dtype == np.uint8
    known = read_depth(folder / "depth" / "c.png")
    assert set(np.unique(frames["depth_m"][1])) <= set(np.unique(known))  # nearest: no mixtures
    assert read_depth_folder(folder)["depth_m"].shape == (3, 12, 16, 1)


def test_frames_that_do_not_fit_are_named(folder):
    with pytest.raises(RefinezooError, match="'z'"):
        read_depth_folder(folder, stems=["a", "z"])
    cv2.imwrite(str(folder / "depth" / "b.png"), np.ones((6, 8), "uint16"))
    with pytest.raises(RefinezooError, match="size of its image"):
        read_depth_folder(folder)
    (folder / "depth" / "b.png").unlink()
    with pytest.raises(RefinezooError, match="b.png"):
        read_depth_folder(folder)


def test_augmentation_keeps_image_and_depth_aligned():
    ramp = np.broadcast_to(np.arange(1, 33, dtype="uint8")[None, None, :, None], (4, 32, 32, 1))
    image, depth = np.repeat(ramp, 3, -1).copy(), ramp.astype("float32")
    batches = AugmentedBatches(
        ArrayBatches((image, depth), batch_size=4, steps=1), Augmentation(flip=0.5), seed=1
    )
    images, depths = batches[0]
    np.testing.assert_array_equal(images[..., :1], depths)
    assert {int(d[0, 0, 0]) for d in depths} == {1, 32}  # some mirrored, some not
    turned = AugmentedBatches(batches.batches, Augmentation(flip=0.0, rotate=5))
    assert (turned[0][1] == 0).any()  # uncovered corners are missing


def test_batches_depend_on_seed_and_epoch_alone(rng):
    image = rng.integers(0, 256, (5, 8, 8, 3), "uint8")
    records = {"image": image, "depth_m": np.ones((5, 8, 8, 1), "float32")}

    def batches():
        unpaired = UnpairedArrays(records, {"image": image}, batch_size=2, steps=3)
        return AugmentedBatches(unpaired, Augmentation(flip=0.5, rotate=5), seed=3)

    first, second = batches(), batches()
    assert len(first) == 3 and set(first[0]["real"]) == {"image"}
    np.testing.assert_array_equal(first[1]["real"]["image"], second[1]["real"]["image"])
    first.on_epoch_end()
    second.epoch = 1
    np.testing.assert_array_equal(first[2]["synthetic"]["image"], second[2]["synthetic"]["image"])


def test_predictions_are_scaled_bilinearly():
    ramp = np.broadcast_to(np.arange(4, dtype="float32")[None, None, :, None], (2, 4, 4, 1))
    large = resize_depth(ramp, 8, 8)
    assert large.shape == (2, 8, 8, 1)
    np.testing.assert_allclose(large[0, 0, 1:3, 0], [0.25, 0.75])
