"""Digits are read from both formats, resized, blended into photos; what is no digit is refused."""

import gzip
import struct

import numpy as np
import pytest

from refinezoo.data import digits, write_image
from refinezoo.data.digits import load_digits, mnist_m
from refinezoo.errors import RefinezooError


def some_digits(count, side=28, seed=0):
    """Bright squares in a black frame, and labels 0 to 9."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, side, side), np.uint8)
    images[:, 4:-4, 4:-4] = rng.integers(0, 256, (count, side - 8, side - 8))
    return images, (np.arange(count) % 10).astype(np.uint8)


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "digits.npz"
    train, test = some_digits(12), some_digits(5, seed=1)
    np.savez(path, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    return path


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(2)
    for name in ("b.png", "a.png"):
        write_image(tmp_path / "photos" / name, rng.integers(0, 256, (30, 40, 3), np.uint8))
    return tmp_path / "photos"


def test_both_splits_come_as_grey_on_three_channels(npz):
    images, labels = load_digits(npz, "train")
    assert images.shape == (12, 28, 28, 3) and images.dtype == np.uint8
    assert labels.dtype == np.int32 and labels.tolist() == [*range(10), 0, 1]
    assert (images == some_digits(12)[0][..., None]).all()
    assert len(load_digits(npz, "test")[0]) == 5


def test_sixteen_pixels_become_twenty_eight(tmp_path):
    images, labels = some_digits(3, side=16)
    images[:, 6:10, 6:10] = 200
    np.savez(tmp_path / "usps.npz", x_train=images, y_train=labels)
    large, _ = load_digits(tmp_path / "usps.npz", "train", image_size=28)
    assert large.shape == (3, 28, 28, 3)
    assert (large[:, 13:15, 13:15] == 200).all() and (large[:, 0] == 0).all()


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_hold_the_same(tmp_path, npz, packed):
    images, labels = some_digits(12)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        data = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
        data += array.tobytes()
        path = tmp_path / "idx" / f"train-{name}-ubyte{'.gz' if packed else ''}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(data) if packed else data)
    for found, expected in zip(
        load_digits(tmp_path / "idx", "train"), load_digits(npz, "train"), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(RefinezooError, match="t10k-images-idx3-ubyte.*received neither"):
        load_digits(tmp_path / "idx", "test")


def test_a_cut_idx_file_is_named(tmp_path):
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(b"\0\0\x08\x01" + struct.pack(">i", 9) + b"123")
    with pytest.raises(RefinezooError, match="another or cut"):
        load_digits(tmp_path, "train")


def test_mnist_m_is_the_difference_to_a_patch(photos):
    digits = np.zeros((40, 28, 28), np.uint8)
    patches = mnist_m(digits, photos, seed=3)
    assert patches.shape == (40, 28, 28, 3)
    digits[:, 10:12, 10:12] = 255
    blended = mnist_m(digits, photos, seed=3)
    inverted = 255 - patches[:, 10:12, 10:12]
    assert (blended[:, 10:12, 10:12] == inverted).all()
    assert (blended[:, :10] == patches[:, :10]).all()


def test_patches_follow_the_seed_and_not_the_count(photos):
    digits, _ = some_digits(8)
    first = mnist_m(digits, photos, seed=1)
    assert (mnist_m(digits[:3], photos, seed=1) == first[:3]).all()
    assert (mnist_m(digits, photos, seed=2) != first).any()
    assert len({patch.tobytes() for patch in first}) == 8


def test_train_and_test_get_other_patches(npz, photos):
    images, _ = some_digits(5)
    np.savez(npz, x_train=images, y_train=np.arange(5), x_test=images, y_test=np.arange(5))
    train, _ = load_digits(npz, "train", photos=photos)
    test, _ = load_digits(npz, "test", photos=photos)
    assert train.shape == test.shape and (train != test).any()


def test_a_small_photo_is_named(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((20, 40, 3), np.uint8))
    with pytest.raises(RefinezooError, match="a.png: expected a photo of at least 28x28"):
        mnist_m(some_digits(1)[0], tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x_train": np.zeros((3, 28, 28), np.float32)}, "uint8 .*received float32"),
        ({"x_train": np.zeros((3, 28, 28, 1), np.uint8)}, r"\[N, S, S\]"),
        ({"x_train": np.zeros((3, 28, 20), np.uint8)}, r"\[3, 28, 20\]"),
        ({"x_train": np.full((3, 28, 28), 255, np.uint8)}, "Invert the images"),
        ({"y_train": np.array([1, 2])}, "label for each of 3 images"),
        ({"y_train": np.array([0.5, 1, 2])}, "whole-numbered"),
        ({"y_train": np.array([1, 2, 10])}, "labels 0 to 9, received 1 to 10.*% 10"),
    ],
)
def test_what_is_no_digit_is_said(tmp_path, change, words):
    arrays = {"x_train": some_digits(3)[0], "y_train": np.arange(3), **change}
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(RefinezooError, match=words):
        load_digits(tmp_path / "d.npz", "train")


def test_validation_is_the_last_thousand_of_train(npz, monkeypatch):
    monkeypatch.setattr(digits, "VALIDATION", 3)
    images, labels = load_digits(npz, "train")
    held_images, held_labels = load_digits(npz, "validation")
    np.testing.assert_array_equal(held_images, images[-3:])
    np.testing.assert_array_equal(held_labels, labels[-3:])


def test_other_mistakes_are_said(tmp_path, npz):
    with pytest.raises(RefinezooError, match="'train', 'validation' or 'test', received 'val'"):
        load_digits(npz, "val")
    with pytest.raises(RefinezooError, match="image_size of 8"):
        load_digits(npz, "train", image_size=4)
    with pytest.raises(RefinezooError, match="cannot be read"):
        load_digits(tmp_path / "none.npz", "train")
    np.savez(tmp_path / "odd.npz", x=np.zeros(3))
    with pytest.raises(RefinezooError, match="x_train and y_train, received x"):
        load_digits(tmp_path / "odd.npz", "train")
