"""Placing an image of any shape in a square without stretching it, and boxes back.

Reference:
    https://github.com/qqwweee/keras-yolo3, `letterbox_image`.
"""

import cv2
import numpy as np

GREY = (128, 128, 128)


def placement(height: int, width: int, side: int) -> tuple[int, int, int, int]:
    """Where an image lies in a square of `side` pixels: (height, width, top, left) there.

    The longer side fills the square; whole numbers, rounded half up, so that NumPy, TensorFlow and
    a client in another language agree.
    """
    longest = max(height, width)
    high = max(1, (2 * height * side + longest) // (2 * longest))
    wide = max(1, (2 * width * side + longest) // (2 * longest))
    return high, wide, (side - high) // 2, (side - wide) // 2


def letterbox(image: np.ndarray, side: int, fill=GREY) -> np.ndarray:
    """uint8 [H, W, 3] to uint8 [side, side, 3]: resized by one factor, bars of `fill` around."""
    high, wide, top, left = placement(image.shape[0], image.shape[1], side)
    if image.shape[:2] != (high, wide):
        shrink = image.shape[0] >= high and image.shape[1] >= wide
        method = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
        image = cv2.resize(image, (wide, high), interpolation=method)
    if (high, wide) == (side, side):
        return image
    square = np.empty((side, side, 3), "uint8")
    square[:] = fill
    square[top : top + high, left : left + wide] = image
    return square


def out_of_letterbox(boxes_xyxy: np.ndarray, height: int, width: int, side: int) -> np.ndarray:
    """Boxes [..., 4] as fractions of the square, in pixels of the image, clipped to it."""
    high, wide, top, left = placement(height, width, side)
    offset = np.array([left, top, left, top], "float32")
    scale = np.array([width / wide, height / high] * 2, "float32")
    boxes = (boxes_xyxy * np.float32(side) - offset) * scale
    return np.clip(boxes, 0, np.array([width, height, width, height], "float32"))


def squared(window: np.ndarray) -> np.ndarray:
    """The square [4] xyxy around the middle of a window, as wide as its longer side."""
    middle = (window[:2] + window[2:]) / 2
    half = (window[2:] - window[:2]).max() / 2
    return np.concatenate([middle - half, middle + half])
