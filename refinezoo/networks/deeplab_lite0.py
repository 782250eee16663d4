"""DeepLab-v2's atrous convolutions and ASPP on EfficientNet-Lite0.

Reference:
    Chen et al., DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous
    Convolution, and Fully Connected CRFs, arXiv 1606.00915, section 3.1 and 3.2; the trunk is none
    of the paper's.
"""

from collections.abc import Sequence

import keras
from keras import layers

from refinezoo.networks.backbones import check_one_size, lite0_taps
from refinezoo.networks.deeplab_blocks import checked_rates, scores


def deeplab_lite0(
    classes: int,
    *,
    rates: Sequence[int] = (6, 12, 18, 24),
    output_stride: int = 8,
    width_multiplier: float = 1.0,
    depth_multiplier: float = 1.0,
    batch_norm: bool = False,
    name: str = "deeplab_lite0",
) -> keras.Model:
    """EfficientNet-Lite0 whose last stages dilate instead of halving, and ASPP.

    Args:
        classes: number of classes K.
        rates: of the convolutions of ASPP, as in `deeplab_resnet`.
        output_stride: pixels per cell of the scores, 8 or 16 (32: no atrous convolution).
        width_multiplier: 1, the trunk has one size.
        depth_multiplier: 1, likewise.
        batch_norm: trains the trunk's batch normalisation; False keeps it as it is.
        name: name of the model.

    Returns:
        keras.Model from [B, H, W, 3] RGB in 0..255, any size, to float32 logits [B, h, w, K].
    """
    check_one_size(width_multiplier=width_multiplier, depth_multiplier=depth_multiplier)
    rates = checked_rates(rates)
    images = keras.Input((None, None, 3), name="images")
    (x,) = lite0_taps(images, (32,), batch_norm, output_stride=output_stride)
    branches = [scores(classes, f"aspp_{rate}", 3, rate)(x) for rate in rates]
    logits = layers.Add(name="logits", dtype="float32")(branches) if branches[1:] else branches[0]
    return keras.Model(images, logits, name=name)
