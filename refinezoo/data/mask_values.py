"""What the values of a mask mean: coverage, ids or void, as 1 = object."""

import logging

import cv2
import numpy as np

from refinezoo.errors import RefinezooError

_log = logging.getLogger(__name__)


def as_foreground_mask(
    mask: np.ndarray, height: int, width: int, *, resize: bool = False, name: str = "mask"
) -> np.ndarray:
    """Any usual mask as float32 [height, width, 1], 1 = object.

    Args:
        mask: [H, W] or [H, W, 1], 0 = background. Bool: as it is. Floats, and whole numbers up to
            255 or 65535, are coverage, soft at the edges: what exceeds half of the largest value
            is object. Other whole numbers are ids of classes or instances, and so are values that
            fill areas beside 255 (void of PASCAL VOC): all above 0 is object.
        height: of the image.
        width: of the image.
        resize: bring another size to the image's (nearest, logged) instead of refusing it.
        name: for messages, e.g. the file.

    Raises:
        RefinezooError: another size without `resize`, or no mask.
    """
    mask = np.asarray(mask)
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if mask.ndim != 2 or mask.size == 0:
        raise RefinezooError(f"{name}: expected a mask [H, W], received {list(mask.shape)}.")
    threshold = max(mask.max(), 0) / 2 if _is_coverage(mask) else 0
    binary: np.ndarray = (mask > threshold).astype(np.float32)
    if binary.shape != (height, width):
        sizes = f"{mask.shape[1]} x {mask.shape[0]} for an image of {width} x {height}"
        if not resize:
            raise RefinezooError(
                f"{name}: expected a mask of the image's size, received {sizes}. To "
                "resize it (nearest neighbour): --resize-masks of refine, resize_masks: true of "
                "train, resize_masks=True in Python."
            )
        _log.info("%s: mask resized (nearest neighbour): %s", name, sizes)
        binary = cv2.resize(binary, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    if threshold == 0 and (mask > 0).all() and (mask == 255).any() and (mask < 255).any():
        _log.warning(
            "%s: no pixel of this mask is 0, so that all is taken for object, 255 too. If 255 is "
            "the background, save it as 0.",
            name,
        )
    if looks_inverted(binary):
        _log.warning(
            "%s: the mask covers the image's border and not its middle; expected 1 = object. "
            "If it is inverted, invert the files.",
            name,
        )
    return binary[..., None]


def _is_coverage(mask: np.ndarray) -> bool:
    """Whether values between 0 and the largest are soft edges, and no ids, which fill areas."""
    if mask.dtype.kind == "f":
        return True
    if (largest := mask.max()) not in (255, 65535):
        return False
    between = (mask > 0) & (mask < largest)
    if not between.any():
        return True
    values = mask.astype(np.float32)
    flat = np.ones((3, 3), np.uint8)
    inside = cv2.erode(values, flat) == cv2.dilate(values, flat)
    return float(inside[between].mean()) < 0.1


def looks_inverted(mask: np.ndarray) -> bool:
    """Whether a mask covers nearly all of the border while the middle is mostly free."""
    mask = np.asarray(mask) > 0.5
    mask = mask[..., 0] if mask.ndim == 3 else mask
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean()
    height, width = mask.shape
    middle = mask[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None].mean()
    return bool(border > 0.9 and middle < 0.5)
