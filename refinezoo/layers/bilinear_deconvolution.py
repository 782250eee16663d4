"""The deconvolution of fixed bilinear weights that Caffe's networks enlarge maps with."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("refinezoo")
class BilinearDeconvolution2D(keras.layers.Layer):
    """Doubles height and width of `[B, H, W, C]`, each channel for itself, without weights.

    Equal to a transposed convolution of every channel with the 4 x 4 kernel that is the outer
    product of (1, 3, 3, 1) / 4, stride 2, padding 1: bilinear interpolation that sees zeros beyond
    the edges. No target has a depthwise transposed convolution; slices and sums they all have.
    """

    def call(self, features):
        return _double(_double(features, 1), 2)

    def compute_output_shape(self, shape):
        batch, height, width, channels = shape
        return batch, height and 2 * height, width and 2 * width, channels


def _double(x, axis: int):
    padding = [[0, 0]] * 4
    padding[axis] = [1, 1]
    padded = ops.pad(x, padding)
    if axis == 1:
        before, after = padded[:, :-2], padded[:, 2:]
    else:
        before, after = padded[:, :, :-2], padded[:, :, 2:]
    # Pixel 2i lies a quarter before pixel i of the small map, pixel 2i + 1 a quarter behind it.
    pair = ops.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
    batch, height, width, channels = ops.shape(x)
    size = (2 * height, width) if axis == 1 else (height, 2 * width)
    return ops.reshape(pair, (batch, *size, channels))
