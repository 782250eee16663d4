"""Nearest-neighbour upsampling from operations that every export target has."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("refinezoo")
class NearestUpsampling2D(keras.layers.Layer):
    """Doubles height and width of `[B, H, W, C]` by repeating pixels.

    Equal to `keras.layers.UpSampling2D(2, "nearest")`, which at dynamic sizes turns into
    operations that LiteRT's builtins lack; tiling and reshaping do not.
    """

    def call(self, images):
        batch, height, width, channels = ops.shape(images)
        tiled = ops.tile(images, [1, 1, 1, 4])
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            return tf.nn.depth_to_space(tiled, 2)
        blocks = ops.reshape(tiled, (batch, height, width, 2, 2, channels))
        return ops.reshape(
            ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (batch, 2 * height, 2 * width, channels)
        )

    def compute_output_shape(self, shape):
        batch, height, width, channels = shape
        return batch, height and 2 * height, width and 2 * width, channels
