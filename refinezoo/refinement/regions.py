"""Where the gate looks: the pixels of each object, of a ring around it, and beside them all."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Region:
    """The pixels of an object and of the ring around it, both bool, inside a window."""

    window: tuple[slice, slice]
    inside: np.ndarray
    ring: np.ndarray | None


def objects_of(
    shape: tuple[int, int], boxes: np.ndarray | None, mask: np.ndarray | None
) -> tuple[list[Region], np.ndarray]:
    """The objects, and bool `[H, W]` of all their pixels; without labels the image is one."""
    import cv2

    foreground = None if mask is None else np.asarray(mask).reshape(shape) > 0.5
    corners = np.zeros((0, 4)) if boxes is None else np.asarray(boxes, float).reshape(-1, 4)
    windows = [_window(shape, box) for box in corners]
    anywhere = np.zeros(shape, bool)
    for window in windows:
        anywhere[window] = True
    labelled = anywhere if foreground is None else foreground
    objects = []
    for box, window in zip(corners, windows, strict=True):
        margin = max(3.0, 0.2 * min(box[2] - box[0], box[3] - box[1]))
        around = _window(shape, box + np.array([-margin, -margin, margin, margin]))
        inside = np.zeros(shape, bool)
        inside[window] = True
        inside = inside[around]
        if foreground is not None and (inside & foreground[around]).sum() >= 16:
            inside = inside & foreground[around]
        objects.append(Region(around, inside, _ring(~labelled[around])))
    if not objects and foreground is not None and foreground.any():
        reach = 2 * max(3, round(0.05 * min(shape))) + 1
        near = cv2.dilate(foreground.astype(np.uint8), np.ones((reach, reach))) > 0
        everything = (slice(0, shape[0]), slice(0, shape[1]))
        objects.append(Region(everything, foreground, _ring(near & ~foreground)))
        anywhere = foreground
    if not objects:
        anywhere = np.ones(shape, bool)
        objects.append(Region((slice(0, shape[0]), slice(0, shape[1])), anywhere, None))
    return objects, anywhere


def _ring(pixels: np.ndarray) -> np.ndarray | None:
    return pixels if pixels.sum() >= 10 else None


def _window(shape: tuple[int, int], box: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of a box, at least one pixel each, inside the image."""
    x0, y0, x1, y1 = (round(float(value)) for value in box)
    top, left = min(max(y0, 0), shape[0] - 1), min(max(x0, 0), shape[1] - 1)
    bottom, right = min(max(y1, top + 1), shape[0]), min(max(x1, left + 1), shape[1])
    return slice(top, bottom), slice(left, right)


def beside_objects(
    anywhere: np.ndarray, boxes: np.ndarray | None, mask: np.ndarray | None
) -> np.ndarray:
    """The pixels beside all objects and their edges; none where nothing is labelled."""
    import cv2

    if boxes is None and mask is None:
        return np.zeros_like(anywhere)
    labelled = anywhere if boxes is not None and len(boxes) else np.zeros_like(anywhere)
    if mask is not None:
        labelled = labelled | (np.asarray(mask).reshape(anywhere.shape) > 0.5)
    return cv2.dilate(labelled.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
