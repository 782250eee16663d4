"""Padding, upsampling, normalisation and the image pool."""

import keras
import numpy as np
import pytest

from refinezoo.layers import (
    ImagePool,
    InstanceNormalization,
    NearestUpsampling2D,
    ReflectionPadding2D,
)


def test_reflection_padding_mirrors_without_the_edge(rng):
    x = rng.normal(size=(1, 5, 6, 2)).astype("float32")
    padded = np.asarray(ReflectionPadding2D(2)(x))
    np.testing.assert_array_equal(padded, np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)], "reflect"))
    with pytest.raises(ValueError, match="padding >= 0"):
        ReflectionPadding2D(-1)


def test_upsampling_equals_keras_nearest(rng):
    x = rng.normal(size=(2, 3, 5, 4)).astype("float32")
    expected = np.asarray(keras.layers.UpSampling2D(2, interpolation="nearest")(x))
    np.testing.assert_array_equal(np.asarray(NearestUpsampling2D()(x)), expected)


def test_instance_norm_equals_its_definition(rng):
    x = rng.normal(3, 2, size=(2, 7, 5, 3)).astype("float32")
    mean, var = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    layer = InstanceNormalization()
    np.testing.assert_allclose(np.asarray(layer(x)), (x - mean) / np.sqrt(var + 1e-5), atol=1e-4)
    assert layer.weights == []


def pool_of(size, shape=(1, 2, 2, 1)):
    pool = ImagePool(size, seed=0)
    pool.build((None, *shape[1:]))
    return pool


def test_pool_returns_its_input_until_full_then_half_from_history():
    pool = pool_of(50)
    returned = []
    # One by one until the history is full and half of it exchanged, then ten at once.
    for numbers in [[i] for i in range(100)] + np.arange(100, 450).reshape(-1, 10).tolist():
        images = np.array(numbers, "float32")[:, None, None, None] * np.ones(
            (1, 2, 2, 1), "float32"
        )
        returned += np.asarray(pool(images))[:, 0, 0, 0].tolist()
    assert returned[:50] == list(range(50))
    exchanged = sum(value != i for i, value in enumerate(returned[50:], 50))
    assert 150 < exchanged < 250  # 200 expected, standard deviation 10
    assert all(value <= i for i, value in enumerate(returned))
    assert tuple(pool.images.shape) == (50, 2, 2, 1)
    assert int(pool.stored) == 50
    # What is given out is replaced, so no image leaves the history twice.
    assert len(set(returned[50:])) == 400


def test_pool_fills_within_a_batch_and_serves_distinct_slots():
    pool = pool_of(5, (2, 2, 2, 1))
    for i in range(20):
        batch = np.stack([np.full((2, 2, 1), 2 * i + j, "float32") for j in range(2)])
        out = np.asarray(pool(batch))[:, 0, 0, 0]
        assert out[0] != out[1]
    assert int(pool.stored) == 5


def test_pool_of_size_zero_passes_images_through():
    pool = pool_of(0)
    image = np.ones((1, 2, 2, 1), "float32")
    np.testing.assert_array_equal(np.asarray(pool(image)), image)
    with pytest.raises(ValueError, match="size >= 0"):
        ImagePool(-1)
