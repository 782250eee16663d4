"""Darknet-53, the trunk of YOLOv3: 52 convolutions, three feature maps.

Reference:
    Redmon & Farhadi, YOLOv3: An Incremental Improvement, arXiv 1804.02767, table 1; padding and
    order of darknet's yolov3.cfg.
"""

import keras
from keras import layers

#: (channels, residual blocks) of the five stages, each of which halves the map.
STAGES = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))
_STEM = 32


def scaled_channels(paper: int, width_multiplier: float) -> int:
    """The paper's channels times `width_multiplier`: a multiple of eight, at least eight."""
    return max(8, int(round(paper * width_multiplier / 8)) * 8)


def convolve(x, filters: int, size: int, name: str, *, stride: int = 1):
    """Convolution without bias, batch normalisation, leaky ReLU of slope 0.1.

    A stride of two comes with a row and a column of zeros above and on the left, as in darknet.
    """
    if stride > 1:
        x = layers.ZeroPadding2D(((1, 0), (1, 0)), name=f"{name}_pad")(x)
    x = layers.Conv2D(
        filters,
        size,
        stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        kernel_initializer=keras.initializers.HeNormal(),
        name=name,
    )(x)
    x = layers.BatchNormalization(momentum=0.95, epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.LeakyReLU(negative_slope=0.1, name=f"{name}_relu")(x)


def darknet53_maps(images, *, width_multiplier: float = 1.0, depth_multiplier: float = 1.0) -> list:
    """The layers of Darknet-53 on a symbolic tensor.

    Args:
        images: [B, H, W, 3] in [0, 1], H and W multiples of 32.
        width_multiplier: multiplies every number of channels.
        depth_multiplier: multiplies the residual blocks of every stage; at least one stays.

    Returns:
        The outputs of stages 3, 4 and 5: [B, H/8, W/8, 256 w], [B, H/16, W/16, 512 w] and
        [B, H/32, W/32, 1024 w] with w = `width_multiplier`. Stage s ends with the layer
        `stage{s}`.
    """
    x = convolve(images, scaled_channels(_STEM, width_multiplier), 3, "stem")
    maps = []
    for stage, (paper, blocks) in enumerate(STAGES, start=1):
        filters, blocks = (
            scaled_channels(paper, width_multiplier),
            max(1, round(blocks * depth_multiplier)),
        )
        x = convolve(x, filters, 3, f"stage{stage}_down", stride=2)
        for block in range(1, blocks + 1):
            name = f"stage{stage}_{block}"
            inner = convolve(x, scaled_channels(paper // 2, width_multiplier), 1, f"{name}_squeeze")
            inner = convolve(inner, filters, 3, f"{name}_expand")
            x = layers.Add(name=f"stage{stage}" if block == blocks else name)([x, inner])
        maps.append(x)
    return maps[2:]


def darknet53(
    *, width_multiplier: float = 1.0, depth_multiplier: float = 1.0, name: str = "darknet53"
) -> keras.Model:
    """The trunk as a model.

    Args:
        width_multiplier: see `darknet53_maps`.
        depth_multiplier: see `darknet53_maps`.
        name: name of the model.

    Returns:
        keras.Model from [B, H, W, 3] RGB in 0..255, H and W multiples of 32, to the three maps of
        `darknet53_maps`.
    """
    images = keras.Input((None, None, 3), name="images")
    scaled = layers.Rescaling(1 / 255, name="scale")(images)
    return keras.Model(
        images,
        darknet53_maps(
            scaled, width_multiplier=width_multiplier, depth_multiplier=depth_multiplier
        ),
        name=name,
    )
