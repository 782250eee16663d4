"""DeepLab on VGG16: the LargeFOV network, and the ASPP variant of DeepLab-v2.

Reference:
    Chen et al., arXiv 1606.00915, section 4.1.2 and figure 7; LargeFOV (DeepLab-v1) after
    arXiv 1412.7062, layer by layer as DrSleep/tensorflow-deeplab-lfov.
"""

from collections.abc import Sequence

import keras
from keras import layers

from refinezoo.networks.deeplab_blocks import (
    channels,
    checked_rates,
    images_in,
    max_pool,
    repeats,
    scores,
)

# Channels, convolutions, dilation, stride of the pooling behind them.
_BLOCKS = ((64, 2, 1, 2), (128, 2, 1, 2), (256, 3, 1, 2), (512, 3, 1, 1), (512, 3, 2, 1))


def deeplab_vgg(
    classes: int,
    *,
    rates: Sequence[int] = (6, 12, 18, 24),
    large_fov: bool = False,
    width_multiplier: float = 1.0,
    depth_multiplier: float = 1.0,
    batch_norm: bool = False,
    dropout: float = 0.5,
    name: str = "deeplab_vgg",
) -> keras.Model:
    """VGG16 with stride 8 and its fully connected layers as convolutions, once for each rate.

    Each branch is fc6 (3x3, 1024, dilated), fc7 (1x1, 1024), fc8 (1x1, K); their logits are summed.
    ASPP has four branches; LargeFOV has one, of rate 12, behind an average pooling.

    Args:
        classes: number of classes K.
        rates: dilation of fc6, a branch each; (12,) is LargeFOV's.
        large_fov: average pooling behind pool5, as LargeFOV has it.
        width_multiplier: multiplies every number of channels; 1 is the paper's.
        depth_multiplier: multiplies the convolutions (2, 2, 3, 3, 3) of the five blocks.
        batch_norm: batch normalisation after every convolution (which then has no bias), for
            training from scratch; VGG16 has none and the paper starts from pretrained weights.
        dropout: share of fc6's and fc7's outputs that training drops.
        name: name of the model.

    Returns:
        keras.Model from [B, H, W, 3] RGB in 0..255, any size, to float32 logits [B, h, w, K] at an
        eighth of the size (321 pixels give 41).
    """

    def convolve(x, filters: int, size: int, name: str, dilation: int = 1):
        x = layers.Conv2D(
            channels(filters, width_multiplier),
            size,
            padding="same",
            dilation_rate=dilation,
            use_bias=not batch_norm,
            kernel_initializer=keras.initializers.HeNormal(),
            name=name,
        )(x)
        if batch_norm:
            x = layers.BatchNormalization(momentum=0.95, epsilon=1e-5, name=f"{name}_bn")(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    rates = checked_rates(rates)
    images, x = images_in()
    for block, (filters, count, dilation, strides) in enumerate(_BLOCKS, start=1):
        for index in range(1, repeats(count, depth_multiplier) + 1):
            x = convolve(x, filters, 3, f"conv{block}_{index}", dilation)
        x = max_pool(x, f"pool{block}", strides)
    if large_fov:
        x = layers.AveragePooling2D(3, 1, padding="same", name="pool5_average")(x)
    branches = []
    for rate in rates:
        y = convolve(x, 1024, 3, f"fc6_{rate}", rate)
        y = layers.Dropout(dropout, name=f"drop6_{rate}")(y)
        y = convolve(y, 1024, 1, f"fc7_{rate}")
        y = layers.Dropout(dropout, name=f"drop7_{rate}")(y)
        branches.append(scores(classes, f"fc8_{rate}")(y))
    logits = layers.Add(name="logits", dtype="float32")(branches) if branches[1:] else branches[0]
    return keras.Model(images, logits, name=name)
