"""What the networks of T2Net share: their layers' starting values, one PReLU, pre- and upsampling.

Reference: Zheng et al. 2018, arXiv 1808.01454, and facts of its published code.
"""

import keras
from keras import layers

from refinezoo.layers import Conv2D, ReflectionPadding2D, batch_normalization


def shared_prelu():
    """PReLU with a single slope, 0.25 at the start: one layer, used all over a network."""
    return layers.PReLU(
        alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1, 2, 3], name="prelu"
    )


def he_normal():
    """N(0, 2 / fan_in), not truncated. One per layer: a shared instance repeats its draws."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def batch_norm():
    """Batch normalisation with PyTorch's epsilon and momentum; gamma starts from N(1, 0.02)."""
    gamma = keras.initializers.RandomNormal(1.0, 0.02)
    return batch_normalization(epsilon=1e-5, scale=True, gamma_initializer=gamma)


def convolution(x, filters, size=3, *, dilation=1, mirrored=True, bias=False):
    """A convolution that keeps H and W, over reflection or (`mirrored=False`) zero padding."""
    padding = dilation * (size // 2)
    x = (ReflectionPadding2D if mirrored else layers.ZeroPadding2D)(padding)(x)
    return Conv2D(
        filters, size, dilation_rate=dilation, use_bias=bias, kernel_initializer=he_normal()
    )(x)


def upsampled(x, middle, filters, prelu):
    """The up block: 3x3 `middle`, then a transposed 3x3 that doubles H and W to `filters`."""
    x = prelu(batch_norm()(convolution(x, middle)))
    x = layers.Conv2DTranspose(
        filters, 3, strides=2, padding="valid", kernel_initializer=he_normal()
    )(x)
    x = layers.Cropping2D(((1, 0), (1, 0)))(x)  # PyTorch's padding 1, output padding 1
    return prelu(batch_norm()(x))


def pooled(x, filters, prelu):
    """The down block of the translator and the encoder: two 3x3, then the mean of 2x2."""
    for _ in range(2):
        x = prelu(batch_norm()(convolution(x, filters, mirrored=False)))
    return layers.AveragePooling2D(2)(x)
