"""The discriminator of PixelDA (Bousmalis et al. 2017, arXiv 1612.05424)."""

import keras
from keras import layers

from refinezoo.layers import DropoutAndNoise, batch_normalization
from refinezoo.networks.generators import normal_initializer


def pixelda_discriminator(
    *, image_size, channels=3, width=64, dropout=0.1, noise=0.2, name="discriminator"
):
    """D: one logit per image, positive = real.

    3x3 `width` s1, then 3x3 s2 of doubling width while the side is over 4, LeakyReLU 0.2, batch
    norm but in the first, dropout and noise after each; flat, 1 unit. 1,559,169 parameters for
    32 px RGB, 6,287,553 for 64 px RGB-D.

    Args:
        image_size: side S, pixels.
        channels: 3 RGB, 4 RGB and depth.
        width: filters of the first layer (64 in the paper).
        dropout: rate after each layer, in training.
        noise: standard deviation of the noise after each layer.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, S, S, channels]` in [-1, 1] to float32 logits `[B, 1]`.
    """

    def layer(x, filters, strides):
        first = strides == 1
        x = layers.Conv2D(
            filters,
            3,
            strides=strides,
            padding="same",
            use_bias=first,
            kernel_initializer=normal_initializer(),
        )(x)
        x = layers.LeakyReLU(0.2)(x if first else batch_normalization()(x))
        return DropoutAndNoise(dropout, noise)(x)

    images = keras.Input((image_size, image_size, channels), name="images")
    x = layer(images, width, strides=1)
    filters = width
    while x.shape[1] > 4:
        filters *= 2
        x = layer(x, filters, strides=2)
    x = layers.Dense(1, kernel_initializer=normal_initializer(), dtype="float32")(
        layers.Flatten()(x)
    )
    return keras.Model(images, x, name=name)
