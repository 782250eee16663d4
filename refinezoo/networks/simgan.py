"""The refiner and the discriminator of SimGAN (Shrivastava et al. 2017, arXiv 1612.07828)."""

import keras
from keras import layers


def simgan_refiner(*, width=64, blocks=4, channels=1, kernel=3, name="refiner"):
    """Residual network without stride or norm: it can only change an image locally.

    `kernel` x `kernel` convolution, `blocks` times {3x3, ReLU, 3x3, add, ReLU}, 1x1, tanh;
    zero-padded, Xavier initialisation. 296,129 parameters for grey images (the paper's gaze
    refiner; that for hands starts with a kernel of 7 and has 10 blocks).

    Args:
        width: filters (64 in the paper).
        blocks: residual blocks.
        channels: of the image, in and out.
        kernel: side of the first convolution.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, H, W, channels]` in [-1, 1] to the same, any H and W.
    """
    images = keras.Input((None, None, channels), name="images")
    x = layers.Conv2D(width, kernel, padding="same", activation="relu")(images)
    for _ in range(blocks):
        y = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        y = layers.Conv2D(width, 3, padding="same")(y)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Conv2D(channels, 1)(x)
    return keras.Model(images, layers.Activation("tanh", dtype="float32")(x), name=name)


def simgan_discriminator(*, width=96, channels=1, name="discriminator"):
    """Judges each patch: a map of two logits, real and refined.

    3x3 96 s2, 3x3 64 s2, max-pool 3x3 s1, 3x3 32, 1x1 32, 1x1 2; zero-padded, ReLU but after the
    last. 75,906 parameters for grey images at width 96.

    Args:
        width: filters of the first layer; the others keep their ratio to it.
        channels: of the image.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, H, W, channels]` in [-1, 1] to logits `[B, h, w, 2]`, a quarter of
        H and W: 35x55 px give 9x14.
    """
    images = keras.Input((None, None, channels), name="images")
    second, third = max(1, 2 * width // 3), max(1, width // 3)
    x = layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(images)
    x = layers.Conv2D(second, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    x = layers.Conv2D(third, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(third, 1, activation="relu")(x)
    return keras.Model(images, layers.Conv2D(2, 1, dtype="float32")(x), name=name)
