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


def pad_to_multiple(images, multiple, least=0):
    """Mirrors rows and columns below and to the right until H and W are multiples of `multiple`.

    At least `least` pixels and two multiples, so that the network's own reflection padding fits.
    """

    def missing(size):
        wanted = max(size, least, 4 * multiple if multiple > 1 else 1)
        return -(-wanted // multiple) * multiple - size

    rows, columns = missing(images.shape[1]), missing(images.shape[2])
    if not rows and not columns:
        return images
    # "symmetric" repeats as often as needed, so that 1 px images work too.
    return np.pad(images, ((0, 0), (0, rows), (0, columns), (0, 0)), mode="symmetric")
