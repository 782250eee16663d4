"""DeepLab-v2 on ResNet-101: atrous convolutions keep stride 8, ASPP scores at four rates.

Reference:
    Chen et al., DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous
    Convolution, and Fully Connected CRFs, arXiv 1606.00915; layer by layer as the PyTorch port of
    the Caffe weights, kazuto1011/deeplab-pytorch.
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

# Channels of the 3x3, blocks, stride of the first block, dilation.
_STAGES = ((64, 3, 1, 1), (128, 4, 2, 1), (256, 23, 1, 2), (512, 3, 1, 4))
_EXPANSION = 4


def deeplab_resnet(
    classes: int,
    *,
    rates: Sequence[int] = (6, 12, 18, 24),
    width_multiplier: float = 1.0,
    depth_multiplier: float = 1.0,
    batch_norm: bool = False,
    name: str = "deeplab_resnet",
) -> keras.Model:
    """ResNet-101 whose last two stages dilate instead of halving, and ASPP.

    The scores are the sum of four parallel 3x3 convolutions with different rates (atrous spatial
    pyramid pooling): each sees the same place with another field of view.

    Args:
        classes: number of classes K.
        rates: of the convolutions of ASPP. On a map smaller than a rate only the middle of its
            kernel sees anything: choose smaller ones for small images.
        width_multiplier: multiplies every number of channels; 1 is the paper's.
        depth_multiplier: multiplies the blocks (3, 4, 23, 3) of the four stages.
        batch_norm: True trains the batch normalisation, as one must from scratch; False freezes it
            as the paper does, which starts from pretrained weights.
        name: name of the model.

    Returns:
        keras.Model from [B, H, W, 3] RGB in 0..255, any size, to float32 logits [B, h, w, K] at an
        eighth of the size (321 pixels give 41).
    """

    def normalise(x, name: str):
        norm = layers.BatchNormalization(momentum=0.95, epsilon=1e-5, name=f"{name}_bn")
        norm.trainable = batch_norm
        return norm(x)

    def convolve(x, filters: int, size: int, name: str, strides: int = 1, dilation: int = 1):
        x = layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding="same" if strides == 1 else "valid",
            dilation_rate=dilation,
            use_bias=False,
            kernel_initializer=keras.initializers.HeNormal(),
            name=name,
        )(x)
        return normalise(x, name)

    def bottleneck(x, middle: int, name: str, strides: int, dilation: int, project: bool):
        shortcut = x
        if project:
            shortcut = convolve(x, _EXPANSION * middle, 1, f"{name}_shortcut", strides)
        # The stride lies in the first 1x1, as in the Caffe network.
        x = layers.ReLU(name=f"{name}_relu1")(convolve(x, middle, 1, f"{name}_reduce", strides))
        x = convolve(x, middle, 3, f"{name}_3x3", dilation=dilation)
        x = layers.ReLU(name=f"{name}_relu2")(x)
        x = convolve(x, _EXPANSION * middle, 1, f"{name}_increase")
        x = layers.Add(name=f"{name}_sum")([x, shortcut])
        return layers.ReLU(name=f"{name}_relu")(x)

    rates = checked_rates(rates)
    images, x = images_in()
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.ReLU(name="conv1_relu")(convolve(x, channels(64, width_multiplier), 7, "conv1", 2))
    x = max_pool(x, "pool1")
    for stage, (paper, blocks, strides, dilation) in enumerate(_STAGES, start=2):
        middle = channels(paper, width_multiplier)
        for block in range(1, repeats(blocks, depth_multiplier) + 1):
            first = block == 1
            x = bottleneck(
                x, middle, f"res{stage}_{block}", strides if first else 1, dilation, first
            )
    branches = [scores(classes, f"aspp_{rate}", 3, rate)(x) for rate in rates]
    logits = layers.Add(name="logits", dtype="float32")(branches) if branches[1:] else branches[0]
    return keras.Model(images, logits, name=name)
