"""Convolutions that train as fast as others where their plain form leaves a processor idle."""

import keras
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers.padding import ReflectionPadding2D
from refinezoo.layers.upsampling import NearestUpsampling2D

FEW_MAPS = 8


@keras.saving.register_keras_serializable("refinezoo")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, rearranged while it trains (and always on JAX) in two cases.

    A large kernel to fewer than 8 maps: a matrix multiply to 3 columns uses little of a processor.
    TensorFlow trains the 7x7 layer at the end of a generator at 2 GFLOP/s where others reach 50.
    Each row of the kernel makes maps of its own, and their sum, each shifted by its row, is the
    answer.

    `enlarge=True`: the input is doubled in height and width by repeating pixels and mirrored by one
    pixel, then convolved. Of the 3x3 taps two or more meet the same pixel; each of the four
    phases of the answer is a 2x2 convolution of the input as it came, 4 products in place of 9.

    Products are summed in another order, equal to rounding. Weights and what is exported are those
    of the plain form.

    Args:
        enlarge: see above; only with kernels of 3x3, stride 1, `padding="valid"`.
        others: as `keras.layers.Conv2D`.

    Raises:
        RefinezooError: for other kernels or strides with `enlarge`.
    """

    def __init__(self, filters, kernel_size, *, enlarge=False, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        self.enlarge = enlarge
        plain = self.padding in ("same", "valid") and self.data_format == "channels_last"
        plain &= (self.strides, self.dilation_rate, self.groups) == ((1, 1), (1, 1), 1)
        self.few_maps = plain and filters < FEW_MAPS and self.kernel_size[0] > 1
        if enlarge:
            if not plain or self.padding != "valid" or self.kernel_size != (3, 3):
                raise RefinezooError(
                    "expected a 3x3 kernel, stride 1 and padding 'valid' with enlarge=True, "
                    f"received kernel_size={self.kernel_size}, strides={self.strides}, "
                    f"padding={self.padding!r}."
                )
            policy = self.dtype_policy
            self.doubled = NearestUpsampling2D(dtype=policy)
            self.mirrored = ReflectionPadding2D(1, dtype=policy)

    def build(self, input_shape):
        super().build(input_shape)
        if self.enlarge:  # JAX never calls them, and a model trains when all its layers are built
            self.doubled.build(input_shape)
            self.mirrored.build(self.doubled.compute_output_shape(input_shape))

    def call(self, inputs, training=False):
        rearranged = training or keras.backend.backend() == "jax"
        if rearranged and self.enlarge:
            return self._finished(self._phase_by_phase(inputs))
        if self.enlarge:
            inputs = self.mirrored(self.doubled(inputs))
        elif rearranged and self.few_maps:
            return self._finished(self._row_by_row(inputs))
        return super().call(inputs)

    def _row_by_row(self, inputs):
        height, width, channels, filters = self.kernel.shape
        if self.padding == "same":
            above, left = (height - 1) // 2, (width - 1) // 2
            below, right = height - 1 - above, width - 1 - left
            inputs = ops.pad(inputs, [[0, 0], [above, below], [left, right], [0, 0]])
        rows = ops.transpose(self.kernel, (1, 2, 0, 3))
        maps = ops.conv(inputs, ops.reshape(rows, (1, width, channels, height * filters)))
        kept = ops.shape(inputs)[1] - height + 1
        # Split first: the gradient of a slice is as large as what it was taken from.
        parts = ops.split(maps, height, axis=-1)
        return sum(part[:, row : row + kept] for row, part in enumerate(parts))

    def _phase_by_phase(self, inputs):
        # Mirroring the doubled image by one pixel repeats the border pixels of the input.
        inputs = ops.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
        kernels = [phase for rows in _pairs(self.kernel, 0) for phase in _pairs(rows, 1)]
        maps = ops.conv(inputs, ops.concatenate(kernels, axis=-1))
        batch, height, width, _ = ops.shape(maps)
        height, width, filters = height - 1, width - 1, self.filters
        parts = iter(ops.split(maps, 4, axis=-1))
        rows = []
        for y in (0, 1):
            row = [next(parts)[:, y : y + height, x : x + width] for x in (0, 1)]
            rows.append(ops.reshape(ops.stack(row, axis=3), (batch, height, 2 * width, filters)))
        return ops.reshape(ops.stack(rows, axis=2), (batch, 2 * height, 2 * width, filters))

    def _finished(self, outputs):
        outputs = outputs + self.bias if self.use_bias else outputs
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        if not self.enlarge:
            return super().compute_output_shape(input_shape)
        batch, height, width, _ = input_shape
        return batch, height and 2 * height, width and 2 * width, self.filters

    def get_config(self):
        return {**super().get_config(), "enlarge": self.enlarge}


def _pairs(kernel, axis):
    """The taps of an even and of an odd output pixel: three along `axis` meet two pixels."""
    first, middle, last = ops.split(kernel, 3, axis=axis)
    return (
        ops.concatenate([first, middle + last], axis=axis),
        ops.concatenate([first + middle, last], axis=axis),
    )
