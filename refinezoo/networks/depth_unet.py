"""The depth network of T2Net: a U-Net with an inception centre and four outputs."""

import keras
from keras import layers

from refinezoo.errors import RefinezooError
from refinezoo.layers import NearestUpsampling2D
from refinezoo.networks.backbones import check_backbone
from refinezoo.networks.efficientnet_lite0 import efficientnet_lite0_maps
from refinezoo.networks.t2net_blocks import batch_norm as normalisation
from refinezoo.networks.t2net_blocks import convolution, pooled, shared_prelu, upsampled

STRIDE = 16  # H and W are multiples of it
BACKBONES = ("t2net", "efficientnet_lite0")
LEAST = 96  # pixels: the centre mirrors 5 of the cells of 16 px at each side


def depth_unet(
    *, width=64, skip_weight=0.1, channels=3, backbone="t2net", batch_norm=None, name="depth_unet"
):
    """The depth network T: encoder, centre of three inception blocks, decoder; one PReLU slope.

    Skips are scaled by `skip_weight` times 1, 0.5 and 0.1 from the coarsest to the finest, so that
    depth comes from the centre rather than from edges. 54,564,676 trainable parameters at width 64.

    Args:
        width: filters of the first layer (64 in the paper), at least 2.
        skip_weight: 0.1 in the code.
        channels: of the image; 3 for EfficientNet-Lite0.
        backbone: `"t2net"`, the paper's encoder, or `"efficientnet_lite0"`: its taps of stride 2, 4
            and 8 are the skips, and a 1x1 convolution leads its last stage, which dilates to keep
            stride 16, to the 8 width channels of the features.
        batch_norm: of EfficientNet-Lite0, see `networks.backbones.check_backbone`.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, H, W, channels]` in [-1, 1] to five tensors: the features
        `[B, H/16, W/16, 8 width]`, which the feature discriminator judges, and depth in [-1, 1]
        at 1/8, 1/4, 1/2 and full size `[B, h, w, 1]`. H and W multiples of 16, at least 96.

    Reference: Zheng et al. 2018, arXiv 1808.01454.
    """
    if width < 2:
        raise RefinezooError(f"expected width >= 2, received {width}.")
    check_backbone(backbone, BACKBONES, batch_norm)
    prelu = shared_prelu()

    def encoder(images):
        """Maps of stride 2, 4, 8, and the features."""
        if backbone != BACKBONES[0]:
            taps = efficientnet_lite0_maps(images, output_stride=16, batch_norm=bool(batch_norm))
            features = convolution(taps[32], 8 * width, 1)
            return taps[2], taps[4], taps[8], prelu(normalisation()(features))
        half = layers.AveragePooling2D(2)(prelu(normalisation()(convolution(images, width, 7))))
        quarter = pooled(half, 2 * width, prelu)
        eighth = pooled(quarter, 4 * width, prelu)
        return half, quarter, eighth, pooled(eighth, 8 * width, prelu)

    def inception(x):
        y = layers.Concatenate()([convolution(x, 8 * width, dilation=d) for d in (1, 3, 5)])
        y = prelu(normalisation()(y))
        y = normalisation()(convolution(y, 8 * width))
        return prelu(layers.Add()([x, y]))

    def depth(x, size=3):
        return layers.Activation("tanh", dtype="float32")(convolution(x, 1, size))

    def scaled(x, weight):
        return layers.Rescaling(weight)(x)

    images = keras.Input((None, None, channels), name="images")
    half, quarter, eighth, features = encoder(images)
    x = features
    for _ in range(3):
        x = inception(x)
    x = upsampled(x, 8 * width, 4 * width, prelu)
    x = layers.Concatenate()([x, scaled(eighth, skip_weight)])
    outputs = [depth(x)]
    for skip, share, middle in ((quarter, 0.5, 8), (half, 0.1, 4), (None, 0.0, 2)):
        x = upsampled(x, middle * width, middle * width // 4, prelu)
        coarser = NearestUpsampling2D()(outputs[-1])
        parts = [x, coarser] if skip is None else [x, scaled(skip, skip_weight * share), coarser]
        x = layers.Concatenate()(parts)
        outputs.append(depth(x) if skip is not None else depth(x, 7))
    return keras.Model(images, [features, *outputs], name=name)
