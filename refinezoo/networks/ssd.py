"""SSD as a functional model: on VGG16, of any width and input size, or on EfficientNet-Lite0.

Reference:
    Liu et al., SSD: Single Shot MultiBox Detector, arXiv 1512.02325, figure 2; block names are the
    paper's of 300 pixels as Keras users know them (conv6 to conv9 are the added blocks).
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from refinezoo.errors import RefinezooError
from refinezoo.networks.backbones import check_backbone, lite0_taps

_MEAN_BGR = (104.0, 117.0, 123.0)
_VGG = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_EXTRA = (("conv6", 256, 512), ("conv7", 128, 256), ("conv8", 128, 256), ("conv9", 128, 256))
_MIN_SIZE = 32
BACKBONES = ("vgg16", "efficientnet_lite0")
_LITE0_TAPS, _LITE0_MIN_SIZE = (16, 32), 96


@keras.saving.register_keras_serializable("refinezoo")
class SubtractMean(layers.Layer):
    """RGB in 0..255 to mean-free BGR, the input of networks that were trained with Caffe.

    Args:
        mean_bgr: what is subtracted, levels; by default that of the VGG16 weights.
    """

    def __init__(self, mean_bgr: Sequence[float] = _MEAN_BGR, **kwargs) -> None:
        super().__init__(**kwargs)
        self.mean_bgr = tuple(mean_bgr)

    def call(self, images):
        """Float [B, H, W, 3] RGB in 0..255 to float [B, H, W, 3] BGR around 0."""
        images = ops.cast(images, self.compute_dtype)
        return ops.flip(images, axis=-1) - ops.cast(np.array(self.mean_bgr), self.compute_dtype)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "mean_bgr": list(self.mean_bgr)}


@keras.saving.register_keras_serializable("refinezoo")
class L2Normalise(layers.Layer):
    """Divides each pixel's features by their length and multiplies by a learnt scale per channel.

    Args:
        scale: initial value, 20 in SSD.

    Reference:
        Liu et al., ParseNet, arXiv 1506.04579, section 3.3.
    """

    def __init__(self, scale: float = 20.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape) -> None:
        """One scale per channel."""
        self.gamma = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.scale),
            name="gamma",
        )

    def call(self, features):
        """Float [B, H, W, C] to the same shape, every pixel of length `scale`."""
        squared = ops.sum(ops.square(ops.cast(features, "float32")), axis=-1, keepdims=True)
        length = ops.rsqrt(ops.maximum(squared, 1e-10))
        return features * ops.cast(length, features.dtype) * self.gamma

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "scale": self.scale}


def feature_levels(image_size: int, backbone: str = "vgg16") -> list[tuple[int, float]]:
    """Feature maps the heads look at, finest first: (cells per side, step in pixels).

    On VGG16, 300 gives the paper's 38, 19, 10, 5, 3, 1 with steps 8, 16, 32, 64, 100, 300; levels
    whose map would be empty are dropped (128 gives 16, 8, 4, 2, 1). On EfficientNet-Lite0 the first
    is that of stride 16: 320 gives 20, 10, 5, 3, 1, and 224 gives 14, 7, 4, 2, 1.

    Raises:
        RefinezooError: an unknown backbone, or a size that it cannot take.
    """
    _check(image_size, backbone)
    first = 8 if backbone == "vgg16" else _LITE0_TAPS[0]
    cells, step = -(-image_size // first), float(first)
    levels = [(cells, step)]
    cells, step = -(-cells // 2), 2 * step
    levels.append((cells, step))
    for index in range(len(_EXTRA)):
        kind = _shrink(cells, index)
        if kind is None:
            break
        cells = (cells - 1) // 2 + 1 if kind == "stride" else cells - 2
        step = step * 2 if kind == "stride" and cells > 1 else image_size / cells
        levels.append((cells, step))
    return levels


def _check(image_size: int, backbone: str) -> None:
    check_backbone(backbone, BACKBONES)
    if backbone == "vgg16" and image_size < _MIN_SIZE:
        raise RefinezooError(
            f"expected image_size of at least {_MIN_SIZE} pixels, received {image_size}: the "
            "network halves its input four times. Enlarge the images."
        )
    deepest = _LITE0_TAPS[-1]
    if backbone != "vgg16" and (image_size < _LITE0_MIN_SIZE or image_size % deepest):
        raise RefinezooError(
            f"expected image_size as a multiple of {deepest} pixels and at least {_LITE0_MIN_SIZE} "
            f"with backbone={backbone!r}, received {image_size}. Take "
            f"{max(_LITE0_MIN_SIZE, round(image_size / deepest) * deepest)}; 192 to 320 are usual."
        )


def _shrink(cells: int, index: int) -> str | None:
    """How added block `index` makes its map smaller: a stride, or a 3x3 without padding."""
    if cells == 1:
        return None
    return "stride" if index < 2 or cells > 5 or cells == 2 else "valid"


def ssd_network(
    image_size: int,
    classes: int,
    boxes_per_cell: list[int],
    *,
    backbone: str = "vgg16",
    width_multiplier: float = 1.0,
    batch_norm: bool = False,
    name: str = "ssd",
) -> keras.Model:
    """The SSD network, images in, raw predictions out.

    Args:
        image_size: side of the square input, pixels, at least 32.
        classes: number of classes K, without background.
        boxes_per_cell: anchors per cell, one number per level of `feature_levels`.
        backbone: `"vgg16"` (the paper's: conv4_3 and fc7 are the first two levels), or
            `"efficientnet_lite0"` (its taps of stride 16 and 32).
        width_multiplier: multiplies every number of channels, but not EfficientNet-Lite0's; 1 is
            the paper's.
        batch_norm: batch normalisation after every convolution (which then has no bias, and conv4_3
            no L2 normalisation), for training without ImageNet weights. EfficientNet-Lite0 has its
            own: True trains it, False keeps it as it is.
        name: name of the model.

    Returns:
        keras.Model from [B, S, S, 3] RGB in 0..255 (uint8 or float) to float32 [B, A, K + 1 + 4]:
        class logits, background first, and box offsets, in the anchors' order.
    """

    def channels(paper: int) -> int:
        return max(8, int(round(paper * width_multiplier / 8)) * 8)

    def convolve(x, filters: int, size: int, name: str, **options):
        x = layers.Conv2D(
            channels(filters),
            size,
            padding=options.pop("padding", "same"),
            use_bias=not batch_norm,
            kernel_initializer=keras.initializers.HeNormal(),
            name=name,
            **options,
        )(x)
        if batch_norm:
            x = layers.BatchNormalization(momentum=0.95, epsilon=1e-3, name=f"{name}_bn")(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    def vgg16(images):
        x = SubtractMean(name="mean", dtype="float32")(images)
        for block, (filters, repeats) in enumerate(_VGG, start=1):
            for index in range(1, repeats + 1):
                x = convolve(x, filters, 3, f"conv{block}_{index}")
            if block == 4:
                finest = x if batch_norm else L2Normalise(name="conv4_3_norm")(x)
            pool, stride = (2, 2) if block < 5 else (3, 1)
            x = layers.MaxPooling2D(pool, stride, padding="same", name=f"pool{block}")(x)
        # 6 on the paper's 19 cells; on a small map such a wide kernel would mostly see padding.
        x = convolve(x, 1024, 3, "fc6", dilation_rate=min(6, max(1, x.shape[1] // 3)))
        return [("conv4_3", finest), ("fc7", convolve(x, 1024, 1, "fc7"))]

    def lite0(images):
        taps = lite0_taps(images, _LITE0_TAPS, batch_norm)
        return [(f"stride{tap}", x) for tap, x in zip(_LITE0_TAPS, taps, strict=True)]

    _check(image_size, backbone)
    inputs = keras.Input((image_size, image_size, 3), name="images")
    maps = vgg16(inputs) if backbone == "vgg16" else lite0(inputs)
    x = maps[-1][1]
    for index, (block, squeeze, filters) in enumerate(_EXTRA):
        kind = _shrink(x.shape[1], index)
        if kind is None:
            break
        x = convolve(x, squeeze, 1, f"{block}_1")
        if kind == "stride":
            x = layers.ZeroPadding2D(1, name=f"{block}_pad")(x)
        x = convolve(
            x, filters, 3, f"{block}_2", strides=2 if kind == "stride" else 1, padding="valid"
        )
        maps.append((f"{block}_2", x))

    scores: list = []
    offsets: list = []
    for (level, features), boxes in zip(maps, boxes_per_cell, strict=True):
        for rows, last, kind in ((scores, classes + 1, "scores"), (offsets, 4, "boxes")):
            head = layers.Conv2D(boxes * last, 3, padding="same", name=f"{level}_{kind}")(features)
            rows.append(layers.Reshape((-1, last), name=f"{level}_{kind}_rows")(head))
    parts = [
        layers.Concatenate(axis=1, name=kind, dtype="float32")(rows)
        for rows, kind in ((scores, "scores"), (offsets, "boxes"))
    ]
    outputs = layers.Concatenate(axis=-1, name="predictions", dtype="float32")(parts)
    return keras.Model(inputs, outputs, name=name)
