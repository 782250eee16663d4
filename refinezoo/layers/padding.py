"""Reflection padding: convolutions that see no artificial black border."""

import keras
from keras import ops

from refinezoo.errors import RefinezooError


@keras.saving.register_keras_serializable("refinezoo")
class ReflectionPadding2D(keras.layers.Layer):
    """Mirrors `padding` pixels at each side of `[B, H, W, C]`, without repeating the edge pixel.

    Args:
        padding: pixels at each side; must be smaller than H and W.
    """

    def __init__(self, padding=1, **kwargs):
        if padding < 0:
            raise RefinezooError(f"expected padding >= 0, received padding={padding}.")
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, images):
        p = self.padding
        return ops.pad(images, [[0, 0], [p, p], [p, p], [0, 0]], mode="reflect")

    def compute_output_shape(self, shape):
        batch, height, width, channels = shape
        return batch, self._grown(height), self._grown(width), channels

    def _grown(self, size):
        return None if size is None else size + 2 * self.padding

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}
