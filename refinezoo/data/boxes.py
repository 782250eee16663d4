"""Boxes within their images, and whether they are theirs: in pixels, x, y, width, height."""

from collections.abc import Sequence

import numpy as np

FARTHEST = 1e8  # pixels: no corner of an image lies beyond
_FEW = 5  # boxes; of so few, most may really leave their images
_SOME = 4  # boxes that leave their images are more than a slip


def misfit(boxes: Sequence[tuple[Sequence[float], tuple[int, int]]]) -> str:
    """What is wrong with the boxes of a whole dataset, in words; empty where they fit.

    Args:
        boxes: x, y, width, height, and the width and height of the image.
    """
    if not boxes:
        return ""
    xywh = np.array([box for box, _ in boxes], np.float64)
    limits = np.array([size for _, size in boxes], np.float64)
    low, extent = xywh[:, :2], xywh[:, 2:]
    high = low + extent
    if 0 < high.max() <= 1.0 < limits.min():
        return (
            "none beyond 1.0: they look normalised. Multiply them by their image's "
            "width and height."
        )
    if (shares := in_first_pixel(low, high) & (limits > 1).all(axis=1)).any():
        return (
            f"{shares.sum()} of {len(boxes)} lie within the first pixel: they look normalised. "
            "Multiply these by their image's width and height."
        )
    if len(boxes) > 1 and 2 * (empty := (extent <= 0).any(axis=1)).sum() > len(boxes):
        return (
            f"{empty.sum()} of {len(boxes)} have no area: are their corners swapped? Correct or "
            "remove them."
        )
    beyond = (np.maximum(-low, high - limits) / limits).max(axis=1)
    corners = ((extent > low) & (extent <= limits + 1)).all() and (low >= 0).all()
    if len(boxes) > 1 and corners and beyond.max() > 0.1:
        return "they seem to be x1, y1, x2, y2. Save x, y, width, height."
    gone = ((low >= limits) | (high <= 0)).any(axis=1)
    out = ((low < -1) | (high > limits + 1)).any(axis=1)
    if (len(boxes) > 1 and 2 * gone.sum() > len(boxes)) or (
        len(boxes) > _FEW and 2 * out.sum() > len(boxes)
    ):
        return (
            f"{out.sum()} of {len(boxes)} leave their images: they seem to be of another size, "
            "or not x, y, width, height. Correct them."
        )
    return ""


def other_reading(boxes: Sequence[tuple[Sequence[float], tuple[int, int]]]) -> str:
    """What the numbers of a whole dataset's boxes may mean instead, in words; empty if nothing.

    Some of the boxes leave their images, and none would if they meant that. No proof: an object
    may reach beyond its image.

    Args:
        boxes: x, y, width, height, and the width and height of the image.
    """
    if not boxes:
        return ""
    low, extent = np.split(np.array([box for box, _ in boxes], np.float64), 2, axis=1)
    limits = np.array([size for _, size in boxes], np.float64)
    if (low + extent > limits + 1).any(axis=1).sum() < _SOME:
        return ""
    for words, first, last in (
        ("centre x, centre y, width, height", low - extent / 2, low + extent / 2),
        ("y, x, height, width", low[:, ::-1], (low + extent)[:, ::-1]),
    ):
        if (first >= -1).all() and (last <= limits + 1).all():
            return f"the boxes leave their images, but would fit as {words}"
    return ""


def in_first_pixel(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """bool [N], of corners [N, 2] in pixels: boxes that must be shares of their images.

    Not those that touch the corner: what is left of an object there may be as small as a pixel.
    """
    within = ((low >= 0) & (high <= 1) & (high > low)).all(axis=1)
    return np.asarray(within & (low > 0).any(axis=1))


def as_boxes(rows: list[list[float]], width: int, height: int) -> np.ndarray:
    """float32 [N, 4], xyxy in pixels, clipped to the image; boxes without area left out."""
    boxes = np.asarray(rows, np.float32).reshape(-1, 4)
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    boxes = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
    return boxes[(boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)]
