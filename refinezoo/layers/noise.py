"""Noise that networks draw: seeded, checkpointed, and the same in an exported model."""

import keras
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers.colour import image_hash


@keras.saving.register_keras_serializable("refinezoo")
class DropoutAndNoise(keras.layers.Layer):
    """Dropout, then Gaussian noise: what PixelDA adds after each layer of its discriminator.

    The random state is a weight, so a checkpoint holds it and a resumed run goes on unchanged.

    Args:
        rate: share of values that dropout sets to 0, in training only.
        stddev: of the noise; as in the released code it is added at evaluation too.
        seed: of the draws.
    """

    def __init__(self, rate=0.1, stddev=0.2, seed=None, **kwargs):
        if not 0.0 <= rate < 1.0 or stddev < 0.0:
            raise RefinezooError(
                f"expected rate in [0, 1) and stddev >= 0, received rate={rate}, stddev={stddev}."
            )
        super().__init__(**kwargs)
        self.rate, self.stddev, self.seed = rate, stddev, seed
        self.random = keras.random.SeedGenerator(seed)
        self.random_state = self.random.state

    def call(self, x, training=False):
        """Any float tensor to the same shape."""
        if training and self.rate:
            x = keras.random.dropout(x, self.rate, seed=self.random)
        if self.stddev:
            noise = keras.random.normal(ops.shape(x), 0.0, self.stddev, x.dtype, self.random)
            x = x + noise
        return x

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "stddev": self.stddev, "seed": self.seed}


@keras.saving.register_keras_serializable("refinezoo")
class PixelNoise(keras.layers.Layer):
    """z per image, uniform in (-1, 1), from a hash of its pixels and a seed.

    It stands in for a random draw where an image must be refined alike on every backend, in any
    company and in an exported model.

    Args:
        dimensions: of z.
    """

    def __init__(self, dimensions, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.dimensions = dimensions

    def call(self, images, seed):
        """Float `[B, H, W, C]` in [-1, 1] and int32 `[B]` to float32 `[B, dimensions]`."""
        state, draws = image_hash(images, seed) + 1, []
        for _ in range(self.dimensions):
            state = (state * 17364 + 1) % 65521  # a multiplier that spreads well modulo this prime
            draws.append(ops.cast(state, "float32"))
        return (ops.stack(draws, axis=-1) + 0.5) / (65521.0 / 2.0) - 1.0

    def compute_output_shape(self, images_shape, *_):
        return images_shape[0], self.dimensions

    def get_config(self):
        return {**super().get_config(), "dimensions": self.dimensions}


@keras.saving.register_keras_serializable("refinezoo")
class RepeatToSize(keras.layers.Layer):
    """Repeats maps `[B, S, S, C]`, mirrored, until they cover images of any size."""

    def call(self, maps, images):
        """`[B, S, S, C]` and images `[B, H, W, *]` to `[B, H, W, C]`."""
        for axis in (1, 2):
            side, wanted = maps.shape[axis], images.shape[axis] or ops.shape(images)[axis]
            if side == images.shape[axis]:
                continue
            place = ops.arange(wanted, dtype="int32") % (2 * side)
            maps = ops.take(maps, ops.minimum(place, 2 * side - 1 - place), axis=axis)
        return maps

    def compute_output_shape(self, maps_shape, images_shape):
        return (*images_shape[:3], maps_shape[-1])
