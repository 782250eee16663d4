"""Answers drawn into images: words, boxes, colours for depth and classes. For the eye alone."""

import cv2
import numpy as np

TRUTH, RIGHT, WRONG, PLAIN = (255, 255, 255), (0, 190, 60), (230, 60, 0), (40, 40, 40)
SIDE = 320  # pixels of the longer side, so that words can be read


def shown_at(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A uint8 image scaled so that its longer side is `side` pixels."""
    scale = side / max(image.shape[:2])
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)


def at_most(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """The same, but an image whose longer side is no longer than `side` stays as it is."""
    return shown_at(image, side) if max(image.shape[:2]) > side else image


def tag(canvas: np.ndarray, x: int, y: int, words: str, colour: tuple[int, int, int]) -> None:
    """Writes words on a ground of a colour, the left end of their base line at x, y, in place."""
    # Only ASCII is in OpenCV's font.
    words = words.encode("ascii", "replace").decode()
    (width, height), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    x = min(max(x, 0), max(canvas.shape[1] - width - 4, 0))
    y = min(max(y, height + 2), canvas.shape[0] - 3)
    cv2.rectangle(canvas, (x, y - height - 2), (x + width + 4, y + 3), colour, -1)
    ink = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
    cv2.putText(canvas, words, (x + 2, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)


def captioned(image: np.ndarray, words: str, colour: tuple[int, int, int] = PLAIN) -> np.ndarray:
    """An enlarged copy with words at its lower edge."""
    canvas = shown_at(image)
    tag(canvas, 0, canvas.shape[0], words, colour)
    return canvas


def depth_colours(depth_m: np.ndarray, farthest_m: float) -> np.ndarray:
    """Metres `[H, W, 1]` as colours uint8 `[H, W, 3]`, near red to far blue; missing is black."""
    known = np.isfinite(depth_m[..., 0]) & (depth_m[..., 0] > 0)
    near = 1 - np.clip(np.where(known, depth_m[..., 0], 0) / farthest_m, 0, 1)
    colours = cv2.applyColorMap((255 * near).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    return colours * known[..., None].astype("uint8")


def class_colours(count: int) -> np.ndarray:
    """A colour for each class, uint8 `[count, 3]`, neighbours far apart in hue."""
    hues = (np.arange(count) * 0.618034 % 1 * 180).astype("uint8")
    light = np.where(np.arange(count) % 2, 150, 230).astype("uint8")
    hsv = np.stack([hues, np.full(count, 190, "uint8"), light], axis=-1)
    return cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]
