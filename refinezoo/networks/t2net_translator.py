"""The translator of T2Net, in both configurations of its history."""

import keras
from keras import layers

from refinezoo.errors import RefinezooError
from refinezoo.layers import Conv2D, ReflectionPadding2D
from refinezoo.networks.generators import ShiftTanh
from refinezoo.networks.t2net_blocks import (
    batch_norm,
    convolution,
    he_normal,
    pooled,
    shared_prelu,
    upsampled,
)


def t2net_translator(
    *, width=64, downsamplings=2, blocks=7, channels=3, residual=False, name="translator"
):
    """The residual network G that translates synthetic images and rebuilds real ones.

    7x7 `width` | down to 2x `width` | `blocks` residual blocks | up | 7x7 tanh; batch norm, one
    PReLU slope in all. 3,121,220 trainable parameters with 2 downsamplings and 7 blocks (the code
    of September 2018), 1,791,684 with 1 and 5 (August 2018, outdoor).

    Args:
        width: filters of the first layer (64 in the paper).
        downsamplings: 2 (each two 3x3 and average pooling) or 1 (a 3x3 of stride 2).
        blocks: residual blocks.
        channels: of the image, in and out.
        residual: the last layer, which starts at zero, is added to the image in artanh space, so
            that training starts from the unchanged image. Not in the paper; for short trainings.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, H, W, channels]` in [-1, 1] to the same; H and W multiples of
        `2 ** downsamplings`.

    Reference: Zheng et al. 2018, arXiv 1808.01454.
    """
    if downsamplings not in (1, 2):
        raise RefinezooError(f"expected downsamplings 1 or 2, received {downsamplings}.")
    prelu = shared_prelu()
    images = keras.Input((None, None, channels), name="images")
    x = prelu(batch_norm()(convolution(images, width, 7)))
    if downsamplings == 1:
        x = layers.Conv2D(2 * width, 3, strides=2, use_bias=False, kernel_initializer=he_normal())(
            layers.ZeroPadding2D(1)(x)
        )
        x = prelu(batch_norm()(x))
    else:
        for _ in range(2):
            x = pooled(x, 2 * width, prelu)
    for _ in range(blocks):
        y = prelu(batch_norm()(convolution(x, 2 * width)))
        y = batch_norm()(convolution(y, 2 * width))
        x = prelu(layers.Add()([x, y]))
    for step in range(downsamplings, 0, -1):
        x = upsampled(x, 2 * width, width if step == 1 else 2 * width, prelu)
    if residual:
        change = Conv2D(channels, 7, kernel_initializer="zeros", dtype="float32")(
            ReflectionPadding2D(3)(x)
        )
        return keras.Model(images, ShiftTanh(dtype="float32")(images, change), name=name)
    x = convolution(x, channels, 7, bias=True)
    return keras.Model(images, layers.Activation("tanh", dtype="float32")(x), name=name)
