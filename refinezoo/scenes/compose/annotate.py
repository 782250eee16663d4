"""From the label map to COCO annotations."""

import numpy as np
from pycocotools import mask as rle_tools

from refinezoo.scenes.compose.canvas import Instance
from refinezoo.scenes.compose.statistics import LayoutStatistics


def halve_labels(labels: np.ndarray) -> np.ndarray:
    """The label that covers most of each 2 x 2 block: uint16 [2H, 2W] -> [H, W]."""
    a, b = labels[::2, ::2], labels[::2, 1::2]
    c, d = labels[1::2, ::2], labels[1::2, 1::2]
    others = np.where((b == c) | (b == d), b, np.where(c == d, c, a))
    return np.where((a == b) | (a == c) | (a == d), a, others)


def visible_shares(labels: np.ndarray, instances: list[Instance]) -> np.ndarray:
    """Visible pixels over all pixels of every instance: float [N], 0 to 1."""
    counts = np.bincount(labels.ravel(), minlength=len(instances) + 1)[1:]
    whole = np.array([instance.area for instance in instances])
    return np.minimum(counts / whole, 1.0) if len(instances) else np.zeros(0)


def annotations(
    labels: np.ndarray,
    instances: list[Instance],
    shares: np.ndarray,
    statistics: LayoutStatistics,
    image_id: int,
    first_id: int,
) -> list[dict]:
    """One COCO annotation for each instance of which a pixel is seen.

    Args:
        labels: uint16 [H, W], the final image's.
        instances: what the numbers mean.
        shares: visible share of each.
        statistics: what counts as large enough to be labelled.
        image_id: of the image.
        first_id: of the first annotation.

    Returns:
        Annotations with bbox, segmentation, area, iscrowd, visibility and `instance`, the number
        in `labels`.
    """
    numbers = np.flatnonzero(np.bincount(labels.ravel(), minlength=1)[1:]) + 1
    if not len(numbers):
        return []
    masks = np.asfortranarray(labels[..., None] == numbers, np.uint8)
    codes = rle_tools.encode(masks)
    boxes, areas = rle_tools.toBbox(codes), rle_tools.area(codes)
    rows = []
    for k, number in enumerate(numbers):
        share, area = float(shares[number - 1]), int(areas[k])
        small = area < statistics.min_labelled_area * labels.size
        rows.append(
            {
                "id": first_id + k,
                "image_id": image_id,
                "category_id": instances[number - 1].category_id,
                "bbox": [int(value) for value in boxes[k]],
                "area": area,
                "iscrowd": int(small or share < statistics.min_labelled_visibility),
                "visibility": round(share, 3),
                "segmentation": {
                    "size": [int(n) for n in codes[k]["size"]],
                    "counts": codes[k]["counts"].decode("ascii"),
                },
                "instance": int(number),
            }
        )
    return rows
