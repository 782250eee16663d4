"""The hue loss that keeps a product's colour (Wang et al. 2019, arXiv 1904.12294)."""

from keras import ops

from refinezoo.errors import RefinezooError

CHROMA_FLOOR = 0.02  # below it hue is noise: bounds the gradient dH/dRGB ~ 1/chroma


def hue_and_chroma(images):
    """Hue in [0, 1) and chroma in [0, 1] of RGB images `[B, H, W, 3]` in [-1, 1].

    The HSV hexagon: with C = max - min, hue is (G-B)/C mod 6, (B-R)/C + 2 or (R-G)/C + 4,
    divided by 6, and 0 for greys, where its gradient is 0 too.

    Returns:
        Two float32 tensors `[B, H, W, 1]`.
    """
    rgb = (ops.cast(images, "float32") + 1.0) / 2.0
    red, green, blue = rgb[..., 0:1], rgb[..., 1:2], rgb[..., 2:3]
    high = ops.max(rgb, axis=-1, keepdims=True)
    chroma = high - ops.min(rgb, axis=-1, keepdims=True)
    scale = 1.0 / ops.maximum(chroma, CHROMA_FLOOR)
    sextant = ops.where(
        red >= high,
        (green - blue) * scale,
        ops.where(green >= high, (blue - red) * scale + 2.0, (red - green) * scale + 4.0),
    )
    hue = ops.where(chroma > 0.0, sextant / 6.0, 0.0)
    return hue - ops.floor(ops.stop_gradient(hue)), chroma


def hue_loss(images, reference, mask, distance="circular"):
    """The difference of hue within `mask`: L_fg of Wang et al.

    Args:
        images: RGB `[B, H, W, 3]` in [-1, 1].
        reference: RGB `[B, H, W, 3]` in [-1, 1]; no gradient flows to it.
        mask: float `[B, H, W, 1]`, 1 = foreground.
        distance: `"circular"`, min(|dh|, 1 - |dh|) weighted by the reference's chroma (grey has no
            hue), or `"linear"`, plain |dh|, the closest reading of the paper, wrong for red objects
            (0.99 against 0.01).

    Returns:
        Scalar: the sum over the mask divided by the mask's area.
    """
    hue, _ = hue_and_chroma(images)
    wanted, chroma = hue_and_chroma(ops.stop_gradient(reference))
    difference = ops.abs(hue - wanted)
    if distance == "circular":
        difference = ops.minimum(difference, 1.0 - difference) * chroma
    elif distance != "linear":
        raise RefinezooError(f"expected distance 'circular' or 'linear', received {distance!r}.")
    mask = ops.cast(mask, "float32")
    return ops.sum(difference * mask) / ops.maximum(ops.sum(mask), 1e-6)
