"""The generators of PixelDA (Bousmalis et al. 2017, arXiv 1612.05424), after its official code."""

import keras
from keras import layers, ops

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.layers import Conv2D, RepeatToSize, batch_normalization
from refinezoo.networks.generators import normal_initializer

GENERATORS = ("resnet", "residual_interpretation", "simple", "dcgan", "identity")
_WITHOUT_NOISE = ("residual_interpretation", "identity")


def takes_noise(kind, noise_dimensions):
    """Whether `pixelda_generator` of this kind takes `[images, noise]`, not images alone."""
    return kind not in _WITHOUT_NOISE and noise_dimensions > 0


def pixelda_generator(
    kind="resnet",
    *,
    image_size,
    channels=3,
    width=64,
    blocks=None,
    noise_dimensions=10,
    name="generator",
):
    """G: synthetic -> refined, at unchanged resolution.

    `"resnet"` (paper): noise map beside the image | 3x3 `width` | `blocks` x (3x3, 3x3, sum) |
    1x1 tanh; 445,699 + 11,264 (noise) parameters for 32 px RGB. `"residual_interpretation"`:
    `blocks` images of 3x3, 3x3, 3x3 tanh, each added to the image and clipped. `"simple"`:
    `blocks` 3x3 convolutions. `"dcgan"`: made of noise alone; it sees no render, so what it makes
    has no label. `"identity"`: the render itself, the baseline.

    Args:
        kind: one of the above.
        image_size: side S for which the noise layer is built, pixels. Other sizes are refined with
            its map repeated, mirrored, beyond S.
        channels: 3 RGB, 4 RGB and depth.
        width: filters (64 in the paper; the official code's `simple` has 8).
        blocks: residual blocks; None is the official code's 6, 2 (residual_interpretation) or
            1 (simple).
        noise_dimensions: of z; 0 for no noise channel.
        name: of the model.

    Returns:
        `keras.Model`: `[images, noise]`, or images alone where `takes_noise` says so, to refined
        images; images float `[B, H, W, channels]` in [-1, 1], noise float `[B, noise_dimensions]`
        in (-1, 1).

    Raises:
        RefinezooError: for an unknown kind, or `dcgan` without noise.
    """
    if kind not in GENERATORS:
        raise RefinezooError(
            f"expected a generator of {', '.join(GENERATORS)}, received {kind!r}."
            f"{did_you_mean(kind, GENERATORS)}"
        )
    images = keras.Input((None, None, channels), name="images")
    if kind == "identity":
        return keras.Model(images, layers.Identity()(images), name=name)
    if kind == "residual_interpretation":
        refined = images
        for _ in range(2 if blocks is None else blocks):
            refined = _added_residual(refined, width, channels)
        return keras.Model(images, refined, name=name)
    x = images
    inputs = images
    if takes_noise(kind, noise_dimensions):
        noise = keras.Input((noise_dimensions,), name="noise")
        inputs = [images, noise]
        if kind == "dcgan":
            return keras.Model(inputs, _from_noise(noise, images, image_size, width), name=name)
        noise_map = _projected(noise, (image_size, image_size, 1))
        x = layers.Concatenate()([images, RepeatToSize()(noise_map, images)])
    elif kind == "dcgan":
        raise RefinezooError(
            "expected noise_dimensions of at least 1 for the generator dcgan, which is made of "
            f"noise alone; received {noise_dimensions}."
        )
    if kind == "simple":
        for _ in range(1 if blocks is None else blocks):
            x = layers.ReLU()(batch_normalization()(_convolution(x, width, use_bias=False)))
    else:
        x = layers.ReLU()(_convolution(x, width))
        for _ in range(6 if blocks is None else blocks):
            y = layers.ReLU()(batch_normalization()(_convolution(x, width, use_bias=False)))
            y = batch_normalization()(_convolution(y, width, use_bias=False))
            x = layers.Add()([x, y])
    return keras.Model(inputs, _to_image(x, channels), name=name)


def _convolution(x, filters, kernel=3, **options):
    return Conv2D(
        filters, kernel, padding="same", kernel_initializer=normal_initializer(), **options
    )(x)


def _to_image(x, channels, kernel=1):
    x = _convolution(x, channels, kernel)
    return layers.Activation("tanh", dtype="float32")(x)


def _projected(noise, shape):
    """z through a dense layer, batch norm and ReLU to a map `[B, *shape]`."""
    units = shape[0] * shape[1] * shape[2]
    x = layers.Dense(units, use_bias=False, kernel_initializer=normal_initializer())(noise)
    return layers.Reshape(shape)(layers.ReLU()(batch_normalization()(x)))


def _added_residual(images, width, channels):
    x = images
    for _ in range(2):
        x = layers.ReLU()(_convolution(x, width))
    return ops.clip(images + _to_image(x, channels, 3), -1.0, 1.0)


def _from_noise(noise, images, image_size, width):
    """4x4 maps doubled until they cover `image_size`, cut to it in the middle."""
    x, side = _projected(noise, (4, 4, width)), 4
    doublings = 0
    while 4 * 2**doublings < image_size:
        doublings += 1
    for remaining in reversed(range(doublings)):
        x = layers.Conv2DTranspose(
            width * 2**remaining,
            3,
            strides=2,
            padding="same",
            activation="relu",
            kernel_initializer=normal_initializer(),
        )(x)
        side *= 2
    low = (side - image_size) // 2
    high = side - image_size - low
    x = layers.Cropping2D(((low, high), (low, high)))(x)
    return RepeatToSize(dtype="float32")(_to_image(x, images.shape[-1]), images)
