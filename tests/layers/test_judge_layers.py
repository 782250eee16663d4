"""What a projected discriminator is made of: spectral norm, and images moved and cut."""

import cv2
import keras
import numpy as np
import pytest
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers import ShiftAndCutout, SpectralConv2D


def test_spectral_norm_divides_by_the_largest_singular_value(rng):
    layer = SpectralConv2D(6, 3, padding="same")
    x = rng.normal(size=(1, 8, 8, 4)).astype("float32")
    layer(x)
    # Power iteration converges as the ratio of the two largest singular values: .5 in each step.
    left, _, right = np.linalg.svd(np.asarray(layer.kernel).reshape(-1, 6), full_matrices=False)
    values = 3.0 * 2.0 ** -np.arange(6, dtype="float32")
    kernel = ((left * values) @ right).reshape(layer.kernel.shape).astype("float32")
    layer.kernel.assign(kernel)
    for _ in range(60):
        layer(x, training=True)
    np.testing.assert_array_equal(kernel, np.asarray(layer.kernel))  # the optimizer's alone
    plain = keras.layers.Conv2D(6, 3, padding="same")
    plain.build(x.shape)
    plain.set_weights([kernel / values[0], np.zeros(6, "float32")])
    np.testing.assert_allclose(np.asarray(layer(x)), np.asarray(plain(x)), atol=1e-4)
    direction = np.asarray(layer.direction)
    layer(x, training=False)
    np.testing.assert_array_equal(direction, np.asarray(layer.direction))


def test_a_kernel_of_zeros_gives_zeros():
    layer = SpectralConv2D(2, 1, kernel_initializer="zeros")
    assert np.all(np.asarray(layer(np.ones((1, 4, 4, 3), "float32"), training=True)) == 0.0)


def test_shifts_mirror_and_masks_move_along(rng):
    images = rng.uniform(-1, 1, (6, 16, 24, 3)).astype("float32")
    layer = ShiftAndCutout(shift=0.25, cutout=0.0, seed=1)
    moved, masks = (np.asarray(x) for x in layer(images, images[..., :1]))
    np.testing.assert_allclose(moved[..., :1], masks, atol=1e-6)
    padded = np.pad(images, ((0, 0), (4, 4), (6, 6), (0, 0)), mode="reflect")
    places = set()
    for image, source in zip(moved, padded, strict=True):
        errors = {
            (y, x): np.abs(source[y : y + 16, x : x + 24] - image).max()
            for y in range(9)
            for x in range(13)
        }
        place = min(errors, key=errors.get)
        assert errors[place] < 1e-5
        places.add(place)
    assert len(places) > 3  # each image moves by itself


def test_cutout_takes_a_square_out_of_the_image_alone():
    ones = np.ones((4, 32, 32, 1), "float32")
    cut, masks = (np.asarray(x) for x in ShiftAndCutout(0.0, 0.5, seed=2)(ones, ones))
    assert np.all(masks == 1.0)
    for image in cut[..., 0]:
        hole = image == 0.0
        rows, columns = hole.any(1).sum(), hole.any(0).sum()
        assert hole.sum() == rows * columns > 0
        assert 8 <= rows <= 16 and 8 <= columns <= 16


def test_blur_is_a_gaussian_and_none_changes_nothing():
    image = np.zeros((1, 33, 33, 1), "float32")
    image[0, 16, 16] = 1.0
    layer = ShiftAndCutout(0.0, 0.0, seed=0)
    still, masks = layer(image)
    np.testing.assert_allclose(np.asarray(still), image, atol=1e-7)
    assert masks is None
    blurred = np.asarray(layer(image, sigma=2.0)[0])[0, ..., 0]
    expected = cv2.GaussianBlur(image[0, ..., 0], (25, 25), 2.0)
    np.testing.assert_allclose(blurred, expected, atol=1e-5)


def test_the_draws_go_on_from_a_checkpoint(rng):
    images = rng.uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    layer = ShiftAndCutout(seed=3)
    layer(images)
    state = ops.convert_to_numpy(layer.random_state)
    first = np.asarray(layer(images)[0])
    layer.random_state.assign(state)
    np.testing.assert_array_equal(first, np.asarray(layer(images)[0]))
    assert any(v.path.endswith("seed_generator_state") for v in layer.variables)
    with pytest.raises(RefinezooError, match=r"in \[0, 1\)"):
        ShiftAndCutout(shift=1.0)
