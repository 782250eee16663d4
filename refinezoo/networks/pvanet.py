"""PVANET 9.1: backbone, hyper-feature, region proposal network and the head of a region.

Four functions on Keras tensors, in the order in which an image passes them; the detector joins
them (`tasks.detection.pvanet`). Normalisation comes before its convolution ("pre-activation"), and
every block of two or more convolutions adds its input.

Reference:
    Kim et al., PVANET: Deep but Lightweight Neural Networks for Real-time Object Detection, arXiv
    1608.08021; layers, biases and names as in the authors' prototxt (example_train), with `_` for
    `/`.
"""

from collections.abc import Callable

import keras
from keras import layers

from refinezoo.layers import BilinearDeconvolution2D, CReLU
from refinezoo.networks.backbones import check_backbone, lite0_taps
from refinezoo.networks.ssd import SubtractMean

#: Pixels a cell of the feature map stands for.
STRIDE = 16
#: What width and height of an image must be a multiple of.
MULTIPLE = 32
BACKBONES = ("pvanet", "efficientnet_lite0")
_MEAN_BGR = (102.9801, 115.9465, 122.7717)
_MOMENTUM, _EPSILON = 0.95, 1e-5
# Squeeze, 3x3 and output channels, number of blocks, first stride.
_CRELU = {"conv2": (24, 24, 64, 3, 1), "conv3": (48, 48, 128, 4, 2)}
# Channels of a block's branches: 1x1 | reduce (first block, others), 3x3 | reduce, 3x3, 3x3 | pool.
_INCEPTION = {
    "conv4": {"one": 64, "three": (48, 64, 128), "five": (24, 48, 48), "pool": 128, "out": 256},
    "conv5": {"one": 64, "three": (96, 96, 192), "five": (32, 64, 64), "pool": 128, "out": 384},
}
_BLOCKS = 4
_DROPOUT = 0.25


def scaled(width_multiplier: float) -> Callable[[int], int]:
    """The paper's channels times `width_multiplier`, as multiples of 8 and at least 8."""
    return lambda channels: max(8, int(round(channels * width_multiplier / 8)) * 8)


def pvanet_features(
    images,
    *,
    backbone: str = "pvanet",
    width_multiplier: float = 1.0,
    depth_multiplier: float = 1.0,
    batch_norm: bool | None = None,
):
    """Images to the hyper-feature, what three scales see of each cell.

    Args:
        images: [B, H, W, 3] RGB in 0..255, H and W multiples of 32.
        backbone: `"pvanet"`, or `"efficientnet_lite0"`, whose taps of stride 8, 16 and 32 take the
            positions of conv3_4, conv4_4 and conv5_4.
        width_multiplier: multiplies every number of channels of PVANET's own; 1 is the paper's.
        depth_multiplier: multiplies the blocks (3, 4, 4, 4) of its stages; at least one stays.
        batch_norm: see `networks.backbones.check_backbone`.

    Returns:
        [B, H / 16, W / 16, 768]: conv3_4 pooled (128), conv4_4 (256), conv5_4 doubled (384). Of
        EfficientNet-Lite0 472 channels: 40, 112, 320.
    """
    check_backbone(backbone, BACKBONES, batch_norm, depth_multiplier=depth_multiplier)
    if backbone == "pvanet":
        fine, middle, coarse = _pvanet_maps(images, width_multiplier, depth_multiplier)
    else:
        fine, middle, coarse = lite0_taps(images, (8, 16, 32), batch_norm)
    down = layers.MaxPooling2D(3, 2, padding="same", name="downsample")(fine)
    up = BilinearDeconvolution2D(name="upsample")(coarse)
    return layers.Concatenate(name="concat")([down, middle, up])


def _pvanet_maps(images, width_multiplier: float, depth_multiplier: float):
    """conv3_4, conv4_4 and conv5_4, the last one normalised."""
    channels = scaled(width_multiplier)

    def repeats(blocks: int) -> range:
        return range(1, max(1, round(blocks * depth_multiplier)) + 1)

    x = SubtractMean(_MEAN_BGR, name="mean", dtype="float32")(images)
    x = layers.ZeroPadding2D(3, name="conv1_1_pad")(x)
    x = _convolution(x, channels(16), 7, "conv1_1", strides=2, padding="valid", use_bias=False)
    x = CReLU(name="conv1_1_crelu")(_normalised(x, "conv1_1_bn", affine=False))
    x = layers.MaxPooling2D(3, 2, padding="same", name="pool1")(x)
    maps = {}
    for stage, (squeeze, middle, out, blocks, stride) in _CRELU.items():
        for index in repeats(blocks):
            sizes = (channels(squeeze), channels(middle), channels(out))
            first = index == 1
            x = _crelu_block(
                x,
                f"{stage}_{index}",
                *sizes,
                strides=stride if first else 1,
                project=first,
                preactivate=(stage, index) != ("conv2", 1),
            )
        maps[stage] = x
    for stage, plan in _INCEPTION.items():
        for index in repeats(_BLOCKS):
            last = (stage, index) == ("conv5", repeats(_BLOCKS)[-1])
            x = _inception_block(x, f"{stage}_{index}", plan, channels, index == 1, last)
        maps[stage] = x
    return maps["conv3"], maps["conv4"], _normalised_relu(maps["conv5"], "conv5_4_last")


def shared_features(hyper, *, width_multiplier: float = 1.0):
    """The hyper-feature condensed, for proposals (128 channels) and for regions (512).

    Returns:
        convf_rpn [B, h, w, 128] and convf [B, h, w, 512], whose first 128 channels are convf_rpn.
    """
    channels = scaled(width_multiplier)
    proposing = _convolution(hyper, channels(128), 1, "convf_rpn", activation="relu")
    other = _convolution(hyper, channels(384), 1, "convf_2", activation="relu")
    return proposing, layers.Concatenate(name="convf")([proposing, other])


def region_proposal_network(features, anchors: int, *, width_multiplier: float = 1.0):
    """Which anchors hold an object, and where exactly.

    Args:
        features: convf_rpn [B, h, w, 128].
        anchors: anchors a cell, 42 in the paper.
        width_multiplier: multiplies the number of channels.

    Returns:
        float32 logits [B, h * w * anchors, 2] (background, object) and offsets
        [B, h * w * anchors, 4], cell by cell, row by row.
    """
    small = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.01)}
    x = _convolution(
        features, scaled(width_multiplier)(384), 3, "rpn_conv1", activation="relu", **small
    )
    logits = _convolution(x, anchors * 2, 1, "rpn_objectness", **small)
    offsets = _convolution(x, anchors * 4, 1, "rpn_boxes", **small)
    return (
        layers.Reshape((-1, 2), name="rpn_logits", dtype="float32")(logits),
        layers.Reshape((-1, 4), name="rpn_offsets", dtype="float32")(offsets),
    )


def region_head(pooled, classes: int, *, units: int = 4096):
    """What a region holds, and where exactly.

    Args:
        pooled: [B, R, n], the pooled features of R regions.
        classes: number of classes K, without background.
        units: width of the two hidden layers, 4096 in the paper.

    Returns:
        float32 [B, R, 5 (K + 1)]: class logits, background first, then four offsets per class.
    """
    x = pooled
    for name in ("fc6", "fc7"):
        x = layers.Dense(units, name=name)(x)
        x = _normalised(x, f"{name}_bn")
        x = layers.Dropout(_DROPOUT, name=f"{name}_dropout")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    parts = [
        layers.Dense(size, kernel_initializer=keras.initializers.RandomNormal(0, spread), name=name)
        for name, size, spread in (
            ("class_scores", classes + 1, 0.01),
            ("class_boxes", 4 * (classes + 1), 0.001),
        )
    ]
    return layers.Concatenate(name="regions", dtype="float32")([part(x) for part in parts])


def _crelu_block(x, name, squeeze, middle, out, *, strides, project, preactivate):
    """1x1, 3x3, C.ReLU, 1x1 and the input; conv2 and conv3."""
    before = _normalised_relu(x, f"{name}_1") if preactivate else x
    shortcut = x
    if project:
        shortcut = _convolution(before, out, 1, f"{name}_proj", strides=strides)
    y = _convolution(before, squeeze, 1, f"{name}_1", strides=strides)
    y = _convolution(_normalised_relu(y, f"{name}_2"), middle, 3, f"{name}_2")
    y = CReLU(name=f"{name}_3_crelu")(_normalised(y, f"{name}_3_bn", affine=False))
    return layers.Add(name=name)([_convolution(y, out, 1, f"{name}_3"), shortcut])


def _inception_block(x, name, plan, channels, first: bool, last: bool):
    """Parallel 1x1, 3x3, two 3x3 (and, in the first block, pooling), 1x1 and the input."""

    def branch(y, filters, size, part, strides=1):
        y = _convolution(
            y, channels(filters), size, f"{name}_{part}", strides=strides, use_bias=False
        )
        return _normalised_relu(y, f"{name}_{part}")

    strides, shortcut = (2 if first else 1), x
    before = _normalised_relu(x, f"{name}_incep")
    reduce_first, reduce, three = plan["three"]
    y1 = branch(before, reduce_first if first else reduce, 1, "1_reduce", strides)
    y2 = branch(before, plan["five"][0], 1, "2_reduce", strides)
    y2 = branch(y2, plan["five"][1], 3, "2_0")
    branches = [
        branch(before, plan["one"], 1, "0", strides),
        branch(y1, three, 3, "1_0"),
        branch(y2, plan["five"][2], 3, "2_1"),
    ]
    if first:
        pooled = layers.MaxPooling2D(3, 2, padding="same", name=f"{name}_pool")(before)
        branches.append(branch(pooled, plan["pool"], 1, "poolproj"))
        shortcut = _convolution(x, channels(plan["out"]), 1, f"{name}_proj", strides=2)
    y = layers.Concatenate(name=f"{name}_incep")(branches)
    y = _convolution(y, channels(plan["out"]), 1, f"{name}_out", use_bias=not last)
    if last:
        y = _normalised(y, f"{name}_out_bn")
    return layers.Add(name=name)([y, shortcut])


def _convolution(x, filters: int, size: int, name: str, **options):
    options.setdefault("padding", "same")
    return layers.Conv2D(filters, size, name=name, **options)(x)


def _normalised(x, name: str, *, affine: bool = True):
    return layers.BatchNormalization(
        momentum=_MOMENTUM, epsilon=_EPSILON, center=affine, scale=affine, name=name
    )(x)


def _normalised_relu(x, name: str):
    return layers.ReLU(name=f"{name}_relu")(_normalised(x, f"{name}_bn"))
