"""The light that a lens loses towards the corners: added to images, and measured in photos."""

import numpy as np
from keras import ops

MOST = 0.8
_FLAT = 0.03  # of log light per pixel
_SIDE = 64  # pixels of the longer side where it is measured: enough for light, few for print


def vignetted(images, amount):
    """Images whose light falls off as 1 - v r^2, r = 0 in the middle and 1 in the corners.

    Args:
        images: float `[B, H, W, C]` in [-1, 1].
        amount: v, a scalar in [0, 1).

    Returns:
        float `[B, H, W, C]`.
    """
    _, height, width, _ = ops.shape(images)
    y, x = (_from_middle(side) for side in (height, width))
    corner = ops.maximum(ops.cast(height * height + width * width, "float32"), 1.0) / 4.0
    radius = (ops.square(y)[:, None] + ops.square(x)[None, :]) / corner
    gain = 1.0 - amount * radius[None, :, :, None]
    return (images + 1.0) * gain - 1.0


def _from_middle(side):
    """Pixels from the middle of so many."""
    positions = ops.arange(side, dtype="float32")
    return positions - (ops.cast(side, "float32") - 1.0) / 2.0


def vignetting_of(image):
    """v of a uint8 photo `[H, W, 3]` by itself, noisy: take the median of many photos.

    What a photo shows gets lighter about as often as darker on the way to a corner; light that is
    lost only darkens it (Zheng et al. 2008, Single-image vignetting correction using radial
    gradient symmetry). So the median of the slope of log light along the radius, where nothing but
    slow change is, is that of log(1 - v r^2). 0 where there is too little to see.
    """
    import cv2

    height, width = image.shape[:2]
    if min(height, width) < 8:
        return 0.0
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype("float32").mean(axis=-1)
    smooth = cv2.GaussianBlur(small, (0, 0), 1.0)
    light = np.log(np.maximum(smooth, 1.0))
    slope_y, slope_x = np.gradient(light)
    half = np.array([(side - 1) / 2.0 for side in light.shape])
    y, x = np.indices(light.shape) - half[:, None, None]
    radius = np.hypot(y, x)
    corner = np.hypot(*half)
    along = (slope_y * y + slope_x * x) / np.maximum(radius, 1e-6)
    r = radius / corner
    # Flat along the circle, which lost light does not change: a limit on the slope along the radius
    # would favour small ones.
    across = np.abs(slope_x * y - slope_y * x) / np.maximum(radius, 1e-6)
    usable = (across < _FLAT) & (smooth > 15) & (smooth < 245) & (r > 0.3)
    usable[[0, -1]] = usable[:, [0, -1]] = False  # smoothing has flattened them
    if usable.sum() < 50:
        return 0.0
    # d log(1 - v r^2) / dr = -2 v r / (1 - v r^2), solved for v at each pixel.
    loss = -along[usable] * corner
    at = r[usable]
    amounts = loss / np.maximum(2.0 * at + loss * at**2, 1e-3)
    return float(np.clip(np.median(amounts), -MOST, MOST))
