"""A small network from a frame to the nearest obstacle's range in each heading sector.

Inspired by the obstacle task of GeneSIS-RT (Stein & Roy 2018, arXiv 1710.04280), whose network is
not published; this design is ours.
"""

import keras
from keras import layers

from refinezoo.errors import RefinezooError

FILTERS = (32, 64, 128, 128, 256)
STRIDE = 2 ** len(FILTERS)


def obstacle_range_network(
    image_size: tuple[int, int], sectors: int, *, width_multiplier: float = 1.0
) -> keras.Model:
    """5 x [3 x 3 convolution of stride 2, batch norm, ReLU], mean over rows, 1 x 1 head.

    A column of the last map covers 32 columns of the image; its head tells the sectors there.

    Args:
        image_size: height and width, pixels, multiples of 32.
        sectors: N, a multiple of width / 32.
        width_multiplier: multiplies the filters 32, 64, 128, 128, 256.

    Returns:
        keras.Model from float `[B, H, W, 3]` RGB in 0..255 to float32 `[B, N]`, ln of metres,
        sectors from left to right.

    Raises:
        RefinezooError: sizes that do not fit.
    """
    height, across = image_size
    if height % STRIDE or across % STRIDE or min(height, across) < STRIDE:
        raise RefinezooError(
            f"expected image_size (height, width) in multiples of {STRIDE} pixels, received "
            f"{tuple(image_size)}. Crop or scale the frames."
        )
    columns = across // STRIDE
    if sectors < 1 or sectors % columns:
        raise RefinezooError(
            f"expected sectors as a multiple of {columns} (the width {across} / {STRIDE}), "
            f"received {sectors}."
        )
    images = keras.Input((height, across, 3), name="images")
    x = layers.Rescaling(1 / 127.5, -1.0)(images)
    for stage, filters in enumerate(FILTERS, start=1):
        x = layers.Conv2D(
            max(8, round(filters * width_multiplier / 8) * 8),
            3,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"conv{stage}",
        )(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"conv{stage}_bn")(x)
        x = layers.ReLU(name=f"conv{stage}_relu")(x)
    x = layers.AveragePooling2D((height // STRIDE, 1), name="rows")(x)
    x = layers.Conv2D(sectors // columns, 1, name="head", dtype="float32")(x)
    log_ranges = layers.Reshape((sectors,), name="log_ranges", dtype="float32")(x)
    return keras.Model(images, log_ranges, name="obstacle_range")
