"""Concatenated ReLU: each filter answers for its own negative too."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("refinezoo")
class CReLU(keras.layers.Layer):
    """`relu(scale * concat(x, -x) + shift)`: `[..., C]` to `[..., 2 C]`, both learnt per channel.

    Low layers learn filters in pairs of opposite sign; one of each pair is enough.

    Reference:
        Kim et al., PVANET, arXiv 1608.08021, section 2.1; Shang et al., arXiv 1603.05201.
    """

    def build(self, input_shape):
        channels = 2 * input_shape[-1]
        self.scale = self.add_weight(shape=(channels,), initializer="ones", name="scale")
        self.shift = self.add_weight(shape=(channels,), initializer="zeros", name="shift")

    def call(self, features):
        both = ops.concatenate([features, -features], axis=-1)
        return ops.relu(both * self.scale + self.shift)

    def compute_output_shape(self, shape):
        return (*shape[:-1], 2 * shape[-1])
