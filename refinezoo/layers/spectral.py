"""Spectral normalisation: a layer that cannot stretch what it sees."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("refinezoo")
class SpectralConv2D(keras.layers.Conv2D):
    """A convolution whose kernel is divided by its largest singular value.

    The kernel counts as a matrix `[kh kw C, filters]`; each training pass moves the estimate of
    its largest singular vector by one power iteration. `keras.layers.SpectralNormalization`
    writes the divided kernel back over the weight, so that a pass in another player's turn moves
    the weight; here the gradient goes through the division and the weight is the optimizer's alone.

    Reference: Miyato et al. 2018, arXiv 1802.05957.
    """

    def build(self, shape):
        super().build(shape)
        self.direction = self.add_weight(
            name="direction",
            shape=(self.filters, 1),
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
            dtype="float32",
            autocast=False,
        )

    def call(self, inputs, training=False):
        kernel = ops.cast(self.kernel, "float32")
        matrix = ops.reshape(kernel, (-1, self.filters))
        fixed = ops.stop_gradient(matrix)
        left = _unit(ops.matmul(fixed, ops.convert_to_tensor(self.direction)))
        right = _unit(ops.matmul(ops.transpose(fixed), left))
        if training:
            self.direction.assign(right)
        largest = ops.sum(left * ops.matmul(matrix, right))
        kernel = ops.cast(kernel / ops.maximum(largest, 1e-12), self.compute_dtype)
        outputs = self.convolution_op(inputs, kernel)
        return outputs + self.bias if self.use_bias else outputs

    # Keras' convolutions save their kernel and bias alone.
    def save_own_variables(self, store):
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)


def _unit(vector):
    return vector / ops.maximum(ops.sqrt(ops.sum(ops.square(vector))), 1e-12)
