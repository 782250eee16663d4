"""The convolution to few maps equals Keras's: values, gradients, weights, saved files."""

import keras
import numpy as np
import pytest
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers import Conv2D, NearestUpsampling2D, ReflectionPadding2D

CASES = [
    dict(filters=3, kernel_size=7),
    dict(filters=1, kernel_size=4, padding="same"),
    dict(filters=2, kernel_size=(3, 5), padding="same", use_bias=False, activation="tanh"),
    dict(filters=3, kernel_size=3, strides=2),
    dict(filters=3, kernel_size=3, dilation_rate=2),
    dict(filters=16, kernel_size=3),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_equals_the_layer_of_keras(case):
    images = np.random.default_rng(0).normal(size=(2, 12, 15, 5)).astype("float32")
    ours, plain = Conv2D(**case), keras.layers.Conv2D(**case)
    plain.build(images.shape)
    ours.build(images.shape)
    ours.set_weights([w + 0.1 for w in plain.get_weights()])
    plain.set_weights(ours.get_weights())
    expected = ops.convert_to_numpy(plain(images))
    for training in (False, True):
        np.testing.assert_allclose(ours(images, training=training), expected, atol=1e-4)


@pytest.mark.parametrize("case", CASES[:3], ids=lambda case: str(case["kernel_size"]))
def test_trains_as_the_layer_of_keras(case):
    images = np.random.default_rng(0).normal(size=(2, 12, 15, 5)).astype("float32")
    weights = []
    for layer in (Conv2D, keras.layers.Conv2D):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((None, None, 5))
        first = keras.layers.Conv2D(5, 1)(inputs)  # a gradient must come through
        model = keras.Model(inputs, layer(**case)(first))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        targets = np.ones(model(images).shape, "float32")
        model.fit(images, targets, epochs=3, verbose=0)
        weights.append(model.get_weights())
    for ours, plain in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-4)


def test_reads_the_weights_of_the_layer_of_keras(tmp_path):
    models = [
        keras.Sequential([keras.Input((9, 9, 4)), c(3, 7)]) for c in (keras.layers.Conv2D, Conv2D)
    ]
    models[0].save_weights(tmp_path / "plain.weights.h5")
    models[1].load_weights(tmp_path / "plain.weights.h5")
    for plain, ours in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(plain, ours)


def enlarging(kind, **options):
    """Twice the size: by one layer of ours, or by Keras's and two of ours."""
    inputs = keras.Input((None, None, 5))
    x = keras.layers.Conv2D(5, 1)(inputs)  # a gradient must come through
    if kind == "ours":
        return keras.Model(inputs, Conv2D(4, 3, enlarge=True, **options)(x))
    x = ReflectionPadding2D(1)(NearestUpsampling2D()(x))
    return keras.Model(inputs, keras.layers.Conv2D(4, 3, **options)(x))


def test_an_enlarging_convolution_equals_upsampling_and_convolution(tmp_path):
    images = np.random.default_rng(0).normal(size=(2, 6, 9, 5)).astype("float32")
    ours, plain = enlarging("ours", activation="tanh"), enlarging("plain", activation="tanh")
    plain.save_weights(tmp_path / "plain.weights.h5")
    ours.load_weights(tmp_path / "plain.weights.h5")
    expected = ops.convert_to_numpy(plain(images))
    assert ours.output_shape == plain.output_shape == (None, None, None, 4)
    for training in (False, True):
        np.testing.assert_allclose(ours(images, training=training), expected, atol=1e-4)
    for model in (ours, plain):
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(images, np.ones_like(expected), epochs=3, verbose=0)
    for ours_after, plain_after in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours_after, plain_after, atol=1e-4)
    assert all(layer.built for layer in ours._flatten_layers())  # or it does not train on JAX
    again = keras.models.clone_model(ours)
    again.set_weights(ours.get_weights())
    np.testing.assert_array_equal(again(images), ours(images))


def test_enlarges_with_3x3_kernels_alone():
    with pytest.raises(RefinezooError, match="3x3 kernel"):
        Conv2D(4, 5, enlarge=True)
