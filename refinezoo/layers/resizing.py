"""Bilinear resizing whose size is known only when the network runs."""

import keras
from keras import ops


def resize_bilinear(images, size):
    """Bilinear, half-pixel centres, no antialiasing: what LiteRT and ONNX have an operation for.

    Args:
        images: float `[B, h, w, C]`.
        size: height and width; on TensorFlow these may be tensors, which
            `keras.ops.image.resize` refuses.

    Returns:
        float32 `[B, H, W, C]`.
    """
    images = ops.cast(images, "float32")
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.image.resize(images, size, method="bilinear")
    return ops.image.resize(images, size, interpolation="bilinear")


@keras.saving.register_keras_serializable("refinezoo")
class ScaleImages(keras.layers.Layer):
    """Scales `[B, H, W, C]` to `factor` times the size, rounded down, at least one pixel.

    Args:
        factor: of height and width.
    """

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, images):
        return resize_bilinear(images, [self._scaled(side) for side in ops.shape(images)[1:3]])

    def _scaled(self, side):
        if isinstance(side, int):
            return max(1, int(side * self.factor))
        return ops.maximum(1, ops.cast(ops.cast(side, "float64") * self.factor, "int32"))

    def compute_output_shape(self, shape):
        batch, *sides, channels = shape
        return batch, *(side and self._scaled(side) for side in sides), channels

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("refinezoo")
class ResizeLike(keras.layers.Layer):
    """Resizes maps `[B, h, w, C]` to height and width of others, `[B, H, W, D]`."""

    def call(self, maps, like):
        return resize_bilinear(maps, ops.shape(like)[1:3])

    def compute_output_shape(self, maps_shape, like_shape):
        return *like_shape[:3], maps_shape[-1]
