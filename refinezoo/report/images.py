"""Images as they are shown: encoded, in a page without files beside it."""

from __future__ import annotations

import base64
from html import escape

import cv2
import numpy as np

from refinezoo.errors import RefinezooError


def checked_image(image: np.ndarray, name: str = "image") -> np.ndarray:
    """Returns the image if it is uint8 [H, W, 3] RGB.

    Raises:
        RefinezooError: it is not.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or not image.size:
        raise RefinezooError(
            f"expected {name} as uint8 [H, W, 3] RGB, received {image.dtype} {image.shape}. "
            "Read it with refinezoo.data.read_image."
        )
    return image


def data_uri(image: np.ndarray, quality: int = 85) -> str:
    """The image as a JPEG data URI, for an `img` element.

    Args:
        image: uint8 [H, W, 3] RGB.
        quality: JPEG quality, 1 to 100.
    """
    bgr = cv2.cvtColor(checked_image(image), cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def img(image: np.ndarray, words: str, after: bool = False) -> str:
    """The `img` element of a uint8 [H, W, 3] RGB image and the words that stand for it."""
    height, width = image.shape[:2]
    return (
        f'<img{" class=after" if after else ""} loading="lazy" decoding="async" width="{width}" '
        f'height="{height}" src="{data_uri(image)}" alt="{escape(words)}">'
    )


def enlarging(caption: str) -> str:
    """The button that shows a figure large."""
    return f'<button type="button" class="zoom" aria-label="enlarge {escape(caption)}"></button>'
