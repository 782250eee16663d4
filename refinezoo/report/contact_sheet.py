"""Contact sheets: pairs of images side by side, as one image for a page or a README."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.report.images import checked_image

PAPER, INK = (250, 250, 248), (60, 60, 60)


def contact_sheet(
    pairs: Sequence[Sequence[np.ndarray]],
    *,
    titles: Sequence[str] = ("synthetic", "refined"),
    columns: int = 4,
    size: int = 160,
    gap: int = 6,
) -> np.ndarray:
    """Lays out image groups (usually before and after) on a light sheet.

    Args:
        pairs: groups of as many images as `titles`, each uint8 [H, W, 3] RGB of any size.
        titles: the words over the images of each group.
        columns: groups per row.
        size: side of the square in which an image is fitted, pixels.
        gap: space between the images of a group, pixels; twice as much between groups.

    Returns:
        uint8 [H, W, 3] RGB.

    Raises:
        RefinezooError: no pair was given, or a group has not one image per title.
    """
    if not len(pairs):
        raise RefinezooError("expected at least one pair of images, received none.")
    for number, group in enumerate(pairs):
        if len(group) != len(titles):
            raise RefinezooError(
                f"expected {len(titles)} images in each group ({', '.join(titles)}), "
                f"received {len(group)} in group {number}."
            )
    columns = max(1, min(columns, len(pairs)))
    rows = -(-len(pairs) // columns)
    header = 26
    group_width = len(titles) * size + (len(titles) - 1) * gap
    width = columns * group_width + (columns + 1) * 2 * gap
    height = header + rows * (size + 2 * gap)
    sheet = np.full((height, width, 3), PAPER, np.uint8)
    for number, group in enumerate(pairs):
        row, column = divmod(number, columns)
        left = 2 * gap + column * (group_width + 2 * gap)
        top = header + row * (size + 2 * gap)
        for index, image in enumerate(group):
            x = left + index * (size + gap)
            if row == 0:
                cv2.putText(
                    sheet,
                    titles[index],
                    (x, 18),
                    cv2.FONT_HERSHEY_SIMPLEX,
                    0.48,
                    INK,
                    1,
                    cv2.LINE_AA,
                )
            sheet[top : top + size, x : x + size] = _fitted(image, size)
    return sheet


def _fitted(image: np.ndarray, size: int) -> np.ndarray:
    """The whole image, centred in a square of paper colour."""
    image = checked_image(image)
    scale = size / max(image.shape[:2])
    width, height = (max(1, min(size, round(side * scale))) for side in image.shape[1::-1])
    image = cv2.resize(
        image, (width, height), interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    )
    square = np.full((size, size, 3), PAPER, np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = image
    return square
