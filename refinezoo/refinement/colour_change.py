"""Which colours changed otherwise than those of the whole image did."""

import numpy as np

_PIXELS = 20_000  # that the map of colours is fitted to


def own_change(source: np.ndarray, refined: np.ndarray) -> np.ndarray:
    """What is left of a change of colours once the image's own map of colours is taken out.

    That map is the affine one from (L, a, b) of the source to (a, b) of the refined image with the
    least squared error: white balance, saturation, transport of statistics.

    Args:
        source: CIELAB, `[H, W, 3]`.
        refined: of the same shape.

    Returns:
        float `[H, W, 2]`: a, b of the refined image less those that the map gives.
    """
    pixels = source.reshape(-1, 3).astype(np.float64)
    known = np.column_stack([pixels, np.ones(len(pixels))])
    wanted = refined[..., 1:].reshape(-1, 2).astype(np.float64)
    step = max(1, len(pixels) // _PIXELS)
    fitted = np.linalg.lstsq(known[::step], wanted[::step], rcond=None)[0]
    return (wanted - known @ fitted).reshape(*source.shape[:2], 2)


def most_change(change: np.ndarray, where: np.ndarray) -> float:
    """The most of a change, averaged over a square of a tenth of the image, CIELAB levels.

    Args:
        change: `[H, W, 2]`.
        where: bool `[H, W]`, the pixels that are looked at.
    """
    import cv2

    side = max(9, min(where.shape) // 10)
    counted, a, b = (
        cv2.boxFilter(array.astype(np.float32), -1, (side, side), borderType=cv2.BORDER_CONSTANT)
        for array in (where, change[..., 0] * where, change[..., 1] * where)
    )
    enough = counted > 0.4
    if not enough.any():
        return 0.0
    return float(np.max(np.hypot(a[enough], b[enough]) / counted[enough]))
