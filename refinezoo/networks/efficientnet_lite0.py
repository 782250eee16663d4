"""EfficientNet-Lite0: inverted residual blocks without what small devices lack.

ReLU6 in place of swish and no squeeze-and-excitation, so that it quantises to 8 bits; the layers of
Google's checkpoint, in its order, with TensorFlow's "same" padding.

Reference:
    Tan & Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, arXiv
    1905.11946; the "Lite" changes are those of tensorflow/tpu, models/official/efficientnet/lite.
"""

from collections.abc import Sequence

import keras
from keras import layers

from refinezoo.errors import RefinezooError

#: The zoo's entry with the weights of this network.
WEIGHTS = "efficientnet_lite0_imagenet"
#: Stride in pixels -> the layer that ends the last block of that stride.
TAPS = {
    2: "lite0_block00_project_bn",
    4: "lite0_block02_add",
    8: "lite0_block04_add",
    16: "lite0_block10_add",
    32: "lite0_block15_project_bn",
}
#: What the names of all layers begin with, to give them a learning rate of their own.
PREFIX = "lite0_"

_STEM, _HEAD = 32, 1280
# Blocks, kernel, stride of the first block, expansion, output channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def efficientnet_lite0(
    *,
    taps: Sequence[int] = (2, 4, 8, 16, 32),
    output_stride: int = 32,
    batch_norm: bool = False,
    name: str = "efficientnet_lite0",
) -> keras.Model:
    """The trunk as a model; 2,958,848 weights that train with all taps.

    Args:
        taps: strides of the maps to give, of 2, 4, 8, 16 and 32; what lies behind the deepest is
            left out.
        output_stride: see `efficientnet_lite0_maps`.
        batch_norm: see `efficientnet_lite0_maps`.
        name: name of the model.

    Returns:
        keras.Model from float [B, H, W, 3] RGB in [-1, 1] to a list of maps in the order of `taps`.

    Raises:
        RefinezooError: a tap or a stride that there is not.
    """
    if not taps or set(taps) - set(TAPS):
        raise RefinezooError(
            f"expected taps among the strides {', '.join(map(str, TAPS))}, received {taps!r}."
        )
    images = keras.Input((None, None, 3), name="images")
    maps = efficientnet_lite0_maps(
        images, output_stride=output_stride, deepest=max(taps), batch_norm=batch_norm
    )
    return keras.Model(images, [maps[tap] for tap in taps], name=name)


def efficientnet_lite0_maps(
    images, *, output_stride: int = 32, deepest: int = 32, batch_norm: bool = False
) -> dict:
    """The layers on a symbolic tensor.

    With an `output_stride` of 16 or 8 the last stages dilate their depthwise convolutions instead
    of halving the map ("atrous"): the same weights compute the same features, at more positions.

    Args:
        images: [B, H, W, 3] RGB in [-1, 1], any size.
        output_stride: pixels per cell of the deepest maps: 32, 16 or 8.
        deepest: the last tap to build.
        batch_norm: trains the batch normalisation. False keeps its statistics and scales, as one
            does with pretrained weights and batches below about 16; from nothing it must be True.

    Returns:
        Tap (stride in the plain network) -> map [B, H / s, W / s, C], where s is the tap or
        `output_stride`, if that is less, and sides are rounded up; C is 16, 24, 40, 112, 320.

    Raises:
        RefinezooError: an `output_stride` that there is not.
    """
    if output_stride not in (8, 16, 32):
        raise RefinezooError(f"expected output_stride 8, 16 or 32, received {output_stride!r}.")

    x = _convolution(images, _STEM, f"{PREFIX}stem", batch_norm, size=3, stride=2)
    tap, rate, index, maps = 2, 1, 0, {}
    for blocks, kernel, first, expansion, filters in _STAGES:
        if tap * first > deepest:
            break
        tap *= first
        dilated = first > 1 and tap > output_stride
        for number in range(blocks):
            stride = first if number == 0 and not dilated else 1
            name = f"{PREFIX}block{index:02d}"
            x = _block(x, name, kernel, stride, rate, expansion, filters, batch_norm)
            index += 1
            if dilated and number == 0:  # what would have been halved; from the next block on
                rate *= first
        maps[tap] = x
    return maps


def efficientnet_lite0_top(features, *, batch_norm: bool = False, dropout: float = 0.2):
    """What the classifier puts between the last tap and its scores: 1,280 features of an image.

    Args:
        features: the tap of stride 32, [B, h, w, 320].
        batch_norm: as in `efficientnet_lite0_maps`.
        dropout: share of the features that training drops.

    Returns:
        [B, 1280], the mean over all cells.
    """
    x = _convolution(features, _HEAD, f"{PREFIX}head", batch_norm)
    x = layers.GlobalAveragePooling2D(name=f"{PREFIX}head_pool")(x)
    return layers.Dropout(dropout, name=f"{PREFIX}head_dropout")(x)


def _block(x, name, kernel, stride, rate, expansion, filters, batch_norm):
    """Inverted residual: 1x1 to more channels, depthwise, 1x1 to fewer, without ReLU, and x."""
    y, channels = x, x.shape[-1]
    if expansion > 1:
        y = _convolution(y, channels * expansion, f"{name}_expand", batch_norm)
    y = layers.DepthwiseConv2D(
        kernel,
        stride,
        "same",
        dilation_rate=rate,
        use_bias=False,
        depthwise_initializer=_he(),
        name=f"{name}_depthwise",
    )(y)
    y = _normalised(y, f"{name}_depthwise", batch_norm)
    y = _convolution(y, filters, f"{name}_project", batch_norm, active=False)
    return layers.Add(name=f"{name}_add")([x, y]) if stride == 1 and channels == filters else y


def _convolution(x, filters, name, batch_norm, *, size=1, stride=1, active=True):
    x = layers.Conv2D(
        filters, size, stride, "same", use_bias=False, kernel_initializer=_he(), name=name
    )(x)
    return _normalised(x, name, batch_norm, active=active)


def _normalised(x, name, batch_norm, *, active=True):
    norm = layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")
    norm.trainable = batch_norm
    x = norm(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if active else x


def _he() -> keras.initializers.Initializer:
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
