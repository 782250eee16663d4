"""What callers pass as images; without OpenCV, so that it costs no start-up time."""

from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError


def checked_images(images: Any) -> np.ndarray:
    """Images that a caller passed, as a stack.

    Args:
        images: uint8 [B, H, W, 3] or [H, W, 3], RGB.

    Returns:
        uint8 [B, H, W, 3], B = 1 for a single image.

    Raises:
        RefinezooError: for another dtype or shape, or nothing in it.
    """
    images = np.asarray(images)
    stack = images[None] if images.ndim == 3 else images
    if stack.dtype != np.uint8 or stack.ndim != 4 or stack.shape[-1] != 3 or 0 in stack.shape:
        raise RefinezooError(
            "expected uint8 RGB images [B, H, W, 3] or [H, W, 3], received "
            f"{images.dtype} {list(images.shape)}. refinezoo.data.read_image turns grey, RGBA and "
            "16-bit files into RGB."
        )
    return stack
