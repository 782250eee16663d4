"""RoI max pooling against the loop of the Caffe layer, and the other layers of PVANET."""

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.layers import BilinearDeconvolution2D, CReLU, RoIMaxPooling


def caffe(features, boxes, bins, stride):
    """`roi_pooling_layer.cpp`, cell by cell; boxes in whole pixels, corners inclusive."""
    height, width, channels = features.shape
    result = np.zeros((len(boxes), bins, bins, channels), "float32")
    for number, (x1, y1, x2, y2) in enumerate(boxes):
        left, top, right, bottom = (int(np.floor(v / stride + 0.5)) for v in (x1, y1, x2, y2))
        tall, wide = max(bottom - top + 1, 1), max(right - left + 1, 1)
        for i in range(bins):
            for j in range(bins):
                low, high = top + i * tall // bins, top + -(-(i + 1) * tall // bins)
                first, last = left + j * wide // bins, left + -(-(j + 1) * wide // bins)
                part = features[max(low, 0) : min(high, height), max(first, 0) : min(last, width)]
                if part.size:
                    result[number, i, j] = part.max(axis=(0, 1))
    return result.reshape(len(boxes), -1)


def pixels(random, count, side_x, side_y):
    """Boxes of whole pixels, corners inclusive, of which some reach the edges."""
    x = np.sort(random.integers(0, side_x, (count, 2)), axis=1)
    y = np.sort(random.integers(0, side_y, (count, 2)), axis=1)
    boxes = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)
    boxes[0] = [0, 0, side_x - 1, side_y - 1]
    boxes[1] = [side_x - 1, side_y - 1, side_x - 1, side_y - 1]
    return boxes


@pytest.mark.parametrize(
    ("height", "width", "bins"),
    [
        (4, 23, 6),
        *(pytest.param(*c, marks=pytest.mark.once) for c in [(8, 8, 6), (20, 7, 3), (2, 2, 6)]),
    ],
)
def test_equals_the_loop(height, width, bins, rng):
    features = rng.normal(size=(2, height, width, 5)).astype("float32")
    boxes = np.stack([pixels(rng, 150, 16 * width, 16 * height) for _ in range(2)])
    scale = np.array([16 * width, 16 * height] * 2)
    fractions = ((boxes + [0, 0, 1, 1]) / scale).astype("float32")
    found = ops.convert_to_numpy(compiled(RoIMaxPooling(bins, 16))(features, fractions))
    for row in range(2):
        np.testing.assert_array_equal(found[row], caffe(features[row], boxes[row], bins, 16))


def test_the_gradient_reaches_the_largest_cell_of_each_part(rng):
    # Two parts of 2 x 3 cells: above and below. Windows of 2 x 2 overlap in the middle column.
    features = rng.permutation(24).reshape(1, 4, 6, 1).astype("float32")
    boxes = np.array([[[0, 0, 0.4, 1]]], "float32")
    cells = keras.Variable(features)
    layer = RoIMaxPooling(2, 16)
    wanted = np.zeros((4, 6))
    for i in (0, 2):
        for j in (0, 1):  # columns 0 to 1 and 1 to 2: ceil and floor of 1.5
            part = features[0, i : i + 2, j : j + 2, 0]
            at = np.unravel_index(part.argmax(), part.shape)
            wanted[i + at[0], j + at[1]] += 1
    np.testing.assert_allclose(
        gradient(lambda: ops.sum(layer(cells, boxes)), cells)[0, ..., 0], wanted
    )


def gradient(function, variable):
    """Of a scalar function, by the backend's own means."""
    if keras.backend.backend() == "jax":
        import jax

        def of(value):
            with keras.StatelessScope(state_mapping=[(variable, value)]):
                return function()

        return np.asarray(jax.jit(jax.grad(of))(variable.value))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        result = function()
    return tf.convert_to_tensor(tape.gradient(result, variable.value)).numpy()


def test_boxes_keep_full_precision_in_half_precision_networks(rng):
    features = rng.normal(size=(1, 64, 64, 1)).astype("float32")
    boxes = np.array([[[0.4, 0.4, 0.7995, 0.7995]]], "float32")
    half = compiled(RoIMaxPooling(2, 16, dtype="mixed_bfloat16"))
    whole = compiled(RoIMaxPooling(2, 16))
    both = half(ops.cast(features, "bfloat16"), boxes), whole(features, boxes)
    assert keras.backend.standardize_dtype(both[0].dtype) == "bfloat16"
    np.testing.assert_allclose(
        *(ops.convert_to_numpy(ops.cast(x, "float32")) for x in both), rtol=0.01
    )


def test_crelu_gives_each_filter_and_its_negative_a_scale_and_a_shift():
    layer = CReLU()
    features = np.array([[[[1.0, -2.0]]]], "float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(features)).ravel(), [1, 0, 0, 2])
    layer.set_weights([np.array([2, 1, 3, -1.0]), np.array([0.5, 3, 4, 1.0])])
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(features)).ravel(), [2.5, 1, 1, 0])


def test_bilinear_deconvolution_equals_caffes_kernel(rng):
    features = rng.normal(size=(2, 5, 4, 3)).astype("float32")
    kernel = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16
    wanted = np.zeros((2, 2 * 5 + 2, 2 * 4 + 2, 3))
    for y in range(5):
        for x in range(4):
            spread = features[:, y, x, None, None] * kernel[None, :, :, None]
            wanted[:, 2 * y : 2 * y + 4, 2 * x : 2 * x + 4] += spread
    layer = BilinearDeconvolution2D()
    found = ops.convert_to_numpy(layer(features))
    np.testing.assert_allclose(found, wanted[:, 1:-1, 1:-1], atol=1e-6)
    assert layer.compute_output_shape(features.shape) == found.shape and not layer.weights
    assert layer.compute_output_shape((None, None, 4, 3)) == (None, None, 8, 3)


def test_the_layers_keep_their_settings():
    layer = RoIMaxPooling(3, 8, name="pool")
    assert RoIMaxPooling.from_config(layer.get_config()).get_config() == layer.get_config()
