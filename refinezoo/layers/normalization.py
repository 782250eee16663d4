"""Instance normalisation in today's Keras (tensorflow-addons ended in May 2024); batch norm."""

import keras


def instance_normalization(affine=False, name=None):
    """Normalises each channel of each image over its pixels; epsilon 1e-5, as in PyTorch.

    Args:
        affine: learn a scale and an offset per channel. The official PyTorch CycleGAN does not.
        name: layer name.

    Returns:
        A `GroupNormalization` with one group per channel. It computes in float32 under
        mixed precision: the variance of a half-precision image overflows.
    """
    return keras.layers.GroupNormalization(
        groups=-1, epsilon=1e-5, center=affine, scale=affine, name=name
    )


def batch_normalization(name=None):
    """Batch norm as TF-slim's default, which PixelDA used: an offset but no scale, decay 0.9."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3, scale=False, name=name)
