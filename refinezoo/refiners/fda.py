"""Fourier domain adaptation (Yang & Soatto 2020, arXiv 2004.05498): it learns nothing either."""

import math

import keras
from keras import ops
from pydantic import NonNegativeInt, PositiveInt

from refinezoo.layers.colour import choose, draw_photo
from refinezoo.models.registry import register
from refinezoo.refiners.refiner import Refiner, no_seed, unpack


@keras.saving.register_keras_serializable("refinezoo")
class AmplitudeSwap(keras.layers.Layer):
    """Replaces the amplitudes of the lowest frequencies by those of a real photo.

    The paper swaps a window of beta * min(H, W) of the spectrum; a window of `cycles` cycles per
    image is the same at every size. Only those (2 cycles + 1)^2 frequencies are computed, by small
    matrix products instead of a full transform.

    Args:
        photos: number of photos whose amplitudes are kept.
        cycles: highest frequency swapped, cycles per image side (beta 0.02 at 128 px: 2).
    """

    def __init__(self, photos: PositiveInt, cycles: NonNegativeInt = 2, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.photos, self.cycles = photos, cycles

    def build(self, *shapes):
        side = 2 * self.cycles + 1
        self.amplitudes = self.add_weight(
            name="amplitudes",
            shape=(self.photos, side, side, 3),
            initializer="zeros",
            trainable=False,
        )
        self.built = True

    def call(self, images, seed, clip=None):
        """Float `[B, H, W, 3]` in [-1, 1] and int32 `[B]` to float `[B, H, W, 3]` in [-1, 1].

        Frames of a video take mean amplitudes and draw of their `clip`, float `[K, H, W, 3]`.
        """
        drawn = draw_photo(images, seed, self.photos, clip)
        wanted = ops.take(self.amplitudes, drawn, axis=0)
        rgb = (images + 1.0) / 2.0
        real, imaginary = self.low_frequencies(rgb)
        own = amplitude(real, imaginary)
        if clip is not None:
            of = amplitude(*self.low_frequencies((clip + 1.0) / 2.0))
            own = ops.mean(of, axis=0, keepdims=True)
        gain = wanted / ops.maximum(own, 1e-6) - 1.0
        gain = ops.where(wanted > 0.0, gain, 0.0)  # not adapted yet: the image stays
        change = self.synthesise(real * gain, imaginary * gain, ops.shape(rgb))
        return ops.clip(rgb + change, 0.0, 1.0) * 2.0 - 1.0

    def low_frequencies(self, rgb):
        """Real and imaginary part `[B, F, F, C]` of the spectrum of `[B, H, W, C]`, over H*W."""
        _, height, width, _ = ops.shape(rgb)
        (ch, sh), (cw, sw) = self._waves(height), self._waves(width)
        r, i = over_rows(ch, rgb), -over_rows(sh, rgb)
        pixels = ops.cast(height * width, "float32")
        real = ops.matmul(cw, r) + ops.matmul(sw, i)
        return real / pixels, (ops.matmul(cw, i) - ops.matmul(sw, r)) / pixels

    def synthesise(self, real, imaginary, shape):
        """The image `[B, H, W, C]` of a low-frequency spectrum."""
        ch, sh, cw, sw = (
            ops.transpose(waves) for size in shape[1:3] for waves in self._waves(size)
        )
        r = over_rows(ch, real) - over_rows(sh, imaginary)
        i = over_rows(sh, real) + over_rows(ch, imaginary)
        return ops.matmul(cw, r) - ops.matmul(sw, i)

    def _waves(self, size):
        frequencies = ops.arange(-self.cycles, self.cycles + 1, dtype="float32")[:, None]
        position = ops.cast(ops.arange(size), "float32")[None] / ops.cast(size, "float32")
        angle = 2.0 * math.pi * frequencies * position
        return ops.cos(angle), ops.sin(angle)

    def compute_output_shape(self, images_shape, *_):
        return images_shape

    def get_config(self):
        return {**super().get_config(), "photos": self.photos, "cycles": self.cycles}


@register
class FDA(Refiner):
    """Gives each render the low-frequency amplitudes of a random real photo, and keeps its phase.

    Args:
        photos: number of real photos whose amplitudes are kept; `adapt` fills them.
        cycles: highest frequency swapped, cycles per image side.
    """

    def __init__(self, *, photos: PositiveInt = 256, cycles: NonNegativeInt = 2, **kwargs):
        super().__init__(**kwargs)
        self.photos, self.cycles = photos, cycles
        self.swap = AmplitudeSwap(photos, cycles, name="swap")
        images = keras.Input((None, None, 3), name="images")
        self.inference_network = keras.Model(images, self.swap(images, no_seed(images)), name="fda")
        self.built = True

    def adapt(self, real_images, seed=0, renders=None):
        """Takes the amplitudes of real photos.

        Args:
            real_images: iterable of uint8 `[H, W, 3]`, RGB, of any sizes.
            seed: of the choice of `photos` among them.
            renders: not used.
        """

        def amplitudes(image):
            rgb = ops.convert_to_tensor(image[None].astype("float32") / 255.0)
            return ops.convert_to_numpy(amplitude(*self.swap.low_frequencies(rgb))[0])

        self.swap.amplitudes.assign(choose(map(amplitudes, real_images), self.photos, seed))
        return self

    @property
    def clip_layer(self):
        """The layer that can take what it needs from a whole clip."""
        return self.swap

    def call(self, inputs, training=False):
        """Float `[B, H, W, 3]` in [-1, 1] to the same."""
        images, seed = unpack(inputs)
        return self.swap(images, seed)


def over_rows(waves, images):
    """`[N, H]` times `[B, H, W, C]` over H: `[B, N, W, C]`; LiteRT cannot convert the einsum."""
    swap = (0, 2, 1, 3)
    return ops.transpose(ops.matmul(waves, ops.transpose(images, swap)), swap)


def amplitude(real, imaginary):
    """The modulus, differentiable at 0."""
    return ops.sqrt(ops.square(real) + ops.square(imaginary) + 1e-12)
