"""Anchors (default boxes) of the detectors, as fractions of the image.

Reference:
    Liu et al., SSD: Single Shot MultiBox Detector, arXiv 1512.02325, section 2.2.
    Redmon & Farhadi, YOLO9000, arXiv 1612.08242, section 2, "Dimension Clusters".
"""

import math
from collections.abc import Sequence

import numpy as np

from refinezoo.data.image_size import side_of_square
from refinezoo.errors import RefinezooError

_MIN_SCALE, _SECOND_SCALE, _LAST_SCALE, _BEYOND_SCALE = 0.1, 0.2, 0.88, 1.05
_COARSE_MIN_SCALE = 0.15


def ssd_scales(levels: int, first_step: float = 8.0) -> list[float]:
    """The `levels + 1` scales of SSD's default boxes, respaced when there are not six levels.

    Six levels give the paper's [0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05]. The first scale is the
    side of the finest level's box as a fraction of the image, the last only serves the extra box.
    Without the paper's map of stride 8 the scales are spaced evenly from 0.15.
    """
    if first_step > 8:
        return [*np.linspace(_COARSE_MIN_SCALE, _LAST_SCALE, levels).tolist(), _BEYOND_SCALE]
    inner = np.linspace(_SECOND_SCALE, _LAST_SCALE, max(levels - 1, 1))
    return [_MIN_SCALE, *(float(scale) for scale in inner[: levels - 1]), _BEYOND_SCALE]


def ssd_aspect_ratios(levels: int, first_step: float = 8.0) -> list[tuple[float, ...]]:
    """Aspect ratios (width over height) per level; 3 and 1/3 only on the middle levels.

    Six levels give the paper's 4, 6, 6, 6, 4, 4 boxes per cell (the extra box of ratio 1 included).
    Without the paper's map of stride 8 the first level counts as a middle one.
    """
    few, many = (1.0, 2.0, 1 / 2), (1.0, 2.0, 1 / 2, 3.0, 1 / 3)
    first = 0 if first_step > 8 else 1
    return [many if first <= level < max(levels - 2, 2) else few for level in range(levels)]


def cell_boxes(scale: float, next_scale: float, ratios: Sequence[float]) -> np.ndarray:
    """Widths and heights float64 [n, 2] of one cell's boxes, the extra ratio-1 box second."""
    sizes = []
    for ratio in ratios:
        root = math.sqrt(ratio)
        sizes.append((scale * root, scale / root))
        if ratio == 1:
            extra = math.sqrt(scale * next_scale)
            sizes.append((extra, extra))
    return np.array(sizes)


def grid_anchors(map_size: int, sizes: np.ndarray, step: float, offset: float = 0.5) -> np.ndarray:
    """Anchors of one square feature map, row by row, cell by cell.

    Args:
        map_size: cells per side.
        sizes: float [n, 2], widths and heights of a cell's anchors, fractions of the image.
        step: distance of neighbouring cells, fraction of the image.
        offset: place of the first centre, in cells.

    Returns:
        float32 [map_size * map_size * n, 4] (centre x, centre y, w, h), fractions of the image.
    """
    centres = (np.arange(map_size) + offset) * step
    y, x = np.meshgrid(centres, centres, indexing="ij")
    grid = np.stack([x, y], axis=-1)[:, :, None].repeat(len(sizes), axis=2)
    boxes = np.broadcast_to(sizes, (map_size, map_size, len(sizes), 2))
    return np.concatenate([grid, boxes], axis=-1).reshape(-1, 4).astype("float32")


def ssd_anchors(image_size: int, levels: Sequence[tuple[int, float]]) -> np.ndarray:
    """SSD's default boxes for the feature maps of `networks.ssd.feature_levels(image_size)`.

    Args:
        image_size: side of the network's input, pixels.
        levels: per level (cells per side, step in pixels).

    Returns:
        float32 [A, 4] (centre x, centre y, w, h), fractions of the image, not clipped; 8,732 for
        300 pixels.
    """
    plan = len(levels), levels[0][1]
    scales, ratios = ssd_scales(*plan), ssd_aspect_ratios(*plan)
    return np.concatenate(
        [
            grid_anchors(cells, cell_boxes(scales[i], scales[i + 1], ratios[i]), step / image_size)
            for i, (cells, step) in enumerate(levels)
        ]
    )


def shape_iou(sizes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU [N, M] of boxes with (w, h) [N, 2] and [M, 2], as if they had the same centre."""
    shared = np.minimum(sizes[:, None], others[None]).prod(axis=-1)
    union = sizes.prod(axis=-1)[:, None] + others.prod(axis=-1)[None] - shared
    return shared / np.maximum(union, 1e-12)


def find_anchors(dataset, image_size: int, count: int = 9, seed: int = 0) -> list[list[float]]:
    """The anchors of YOLOv3 for a dataset: k-means of its boxes' shapes, distance 1 - IoU.

    Args:
        dataset: `CocoDataset`; crowd boxes play no part.
        image_size: side of the network's input, pixels; images are thought letterboxed to it.
        count: number of anchors.
        seed: of the start.

    Returns:
        `count` pairs [w, h] in pixels of the input, smallest first.

    Raises:
        RefinezooError: fewer different shapes than `count`.
    """
    sizes, image_size = [np.zeros((0, 2))], side_of_square(image_size, "YOLOv3")
    for record in dataset.records:
        scale = image_size / max(record.width, record.height)
        sizes.append(np.asarray(record.boxes_xywh, "float64")[~record.crowd, 2:] * scale)
    shapes = np.concatenate(sizes)
    shapes = shapes[(shapes > 0).all(axis=1)]
    different = np.unique(shapes, axis=0)
    if len(different) < count:
        raise RefinezooError(
            f"expected boxes of at least {count} different sizes to find {count} anchors, received "
            f"{len(different)}. Ask for fewer, or leave anchors out to take the paper's."
        )
    random = np.random.default_rng(seed)
    centres = different[random.choice(len(different), count, replace=False)]
    nearest = np.full(len(shapes), -1)
    for _ in range(300):
        before, nearest = nearest, shape_iou(shapes, centres).argmax(axis=1)
        if (nearest == before).all():
            break
        for k in range(count):
            if (nearest == k).any():
                centres[k] = np.median(shapes[nearest == k], axis=0)
    centres = centres[np.argsort(centres.prod(axis=1), kind="stable")]
    return [[round(float(side), 2) for side in pair] for pair in centres]
