"""YOLOv3's network: Darknet-53, or another trunk, and three heads that look at ever finer maps.

Reference:
    Redmon & Farhadi, YOLOv3: An Incremental Improvement, arXiv 1804.02767, section 2.3; layers of
    darknet's yolov3.cfg.
"""

import math

import keras
import numpy as np
from keras import layers

from refinezoo.networks.backbones import check_backbone, lite0_taps
from refinezoo.networks.darknet53 import convolve, darknet53_maps, scaled_channels

#: Pixels per cell of the three heads, coarsest first: the order of the predictions.
STRIDES = (32, 16, 8)
BACKBONES = ("darknet53", "efficientnet_lite0")
_HEADS = (512, 256, 128)
_PRIOR = 0.01


def yolov3_network(
    classes: int,
    anchors_per_cell: int = 3,
    *,
    backbone: str = "darknet53",
    width_multiplier: float = 1.0,
    depth_multiplier: float = 1.0,
    batch_norm: bool | None = None,
    name: str = "yolov3",
) -> keras.Model:
    """The YOLOv3 network, images in, raw predictions out.

    Each head: five convolutions, 1x1 and 3x3 in turn, then one 3x3 and the linear predictions;
    before the last of these two, a 1x1 convolution leads the fifth one's output, enlarged twofold,
    to the next finer map.

    Args:
        classes: number of classes K.
        anchors_per_cell: boxes n that a cell predicts.
        backbone: `"darknet53"`, or `"efficientnet_lite0"`, of which the heads see the taps.
        width_multiplier: multiplies every number of channels, but not EfficientNet-Lite0's.
        depth_multiplier: multiplies the number of residual blocks of Darknet-53's stages.
        batch_norm: see `networks.backbones.check_backbone`.
        name: name of the model.

    Returns:
        keras.Model from [B, S, S, 3] RGB in 0..255 (uint8 or float), S any multiple of 32, to
        float32 [B, A, 5 + K]: t_x, t_y, t_w, t_h, objectness and class logits. Rows run over the
        heads (coarsest first), then y, x and the cell's anchors; A is 10,647 for 416 pixels.
    """
    check_backbone(backbone, BACKBONES, batch_norm, depth_multiplier=depth_multiplier)
    images = keras.Input((None, None, 3), name="images")
    if backbone == "darknet53":
        scaled = layers.Rescaling(1 / 255, name="scale")(images)
        fine, middle, coarse = darknet53_maps(
            scaled, width_multiplier=width_multiplier, depth_multiplier=depth_multiplier
        )
    else:
        fine, middle, coarse = lite0_taps(images, STRIDES[::-1], batch_norm)
    predictions, x = [], None
    for stride, paper, lateral in zip(STRIDES, _HEADS, (coarse, middle, fine), strict=True):
        head = f"stride{stride}"
        filters, wide = (
            scaled_channels(paper, width_multiplier),
            scaled_channels(2 * paper, width_multiplier),
        )
        if x is None:
            x = lateral
        else:
            x = convolve(x, filters, 1, f"{head}_lateral")
            x = layers.UpSampling2D(2, name=f"{head}_up")(x)
            x = layers.Concatenate(name=f"{head}_concat")([x, lateral])
        for index, (channels, size) in enumerate([(filters, 1), (wide, 3)] * 2 + [(filters, 1)], 1):
            x = convolve(x, channels, size, f"{head}_conv{index}")
        y = convolve(x, wide, 3, f"{head}_conv6")
        # "_scores": not taken over by a detector of other classes (`Detector.start_from`).
        y = layers.Conv2D(anchors_per_cell * (5 + classes), 1, name=f"{head}_scores")(y)
        predictions.append(layers.Reshape((-1, 5 + classes), name=f"{head}_rows")(y))
    outputs = layers.Concatenate(axis=1, name="predictions", dtype="float32")(predictions)
    network = keras.Model(images, outputs, name=name)
    _start_rare(network, classes, anchors_per_cell)
    return network


def _start_rare(network: keras.Model, classes: int, anchors_per_cell: int) -> None:
    """Biases by which an untrained network expects few objects: fewer steps lost in unlearning.

    Not in the paper; the start that Lin et al., arXiv 1708.02002, section 4.1, give RetinaNet.
    """
    row = np.zeros(5 + classes, "float32")
    row[4] = -math.log((1 - _PRIOR) / _PRIOR)
    row[5:] = -math.log(max(classes - 1, 1))
    for stride in STRIDES:
        network.get_layer(f"stride{stride}_scores").bias.assign(np.tile(row, anchors_per_cell))
