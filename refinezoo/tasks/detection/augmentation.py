"""SSD's augmentation: colours, zooming out, crops that keep objects, optional mirror.

Reference:
    Liu et al., SSD, arXiv 1512.02325, sections 2.2 and 3.6.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from refinezoo.config import Share
from refinezoo.data.augmentation import Side
from refinezoo.data.letterbox import GREY, squared
from refinezoo.tasks.detection.boxes import area, clip_boxes, intersections, pairwise_iou

_MEAN_RGB = (123, 117, 104)
_TRIALS = 50


@dataclass(frozen=True)
class Augmentation:
    """Random changes to one training image and its boxes.

    Attributes:
        photometric: probability of each colour change (brightness +-32 of 255, contrast and
            saturation 0.5 to 1.5, hue +-18 degrees); 0 switches them off.
        expand: probability of zooming out, the image on a canvas of the mean colour.
        max_expand: largest side of that canvas, in sides of the image.
        min_ious: choices of the least overlap of a crop with some object; None = no crop, 0 = any.
        min_crop: smallest side of a crop, as a share of the image's.
        flip: probability of a mirror image. Off by default: mirrored products have mirrored print,
            which no shop sells. SSD's value for natural objects is 0.5.
        jitter: change of the image's proportions by a random factor between (1 - jitter) /
            (1 + jitter) and its inverse; keras-yolo3 takes 0.3 for YOLOv3, whose letterbox keeps
            proportions. Without a letterbox the crops change them.
        mosaic: probability of showing four images side by side; `DetectionBatches` draws the
            other three.
    """

    photometric: Share = 0.5
    expand: Share = 0.5
    max_expand: Annotated[float, Field(ge=1)] = 4.0
    min_ious: tuple[Share | None, ...] = (None, 0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
    min_crop: Side = 0.3
    flip: Share = 0.0
    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mosaic: Share = 0.0

    def __call__(
        self,
        image: np.ndarray,
        boxes_xyxy: np.ndarray,
        labels: np.ndarray,
        crowd: np.ndarray,
        size: int,
        random: np.random.Generator,
        letterbox: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """One augmented image.

        Args:
            image: uint8 [H, W, 3] RGB.
            boxes_xyxy: float [N, 4], pixels.
            labels: int [N].
            crowd: bool [N]; crowd boxes move along but do not steer the crops.
            size: side of the square to return (warped), pixels.
            random: the source of chance; the same state gives the same image.
            letterbox: keep the proportions, with grey bars where the image ends.

        Returns:
            image uint8 [size, size, 3]; the boxes left, float32 [M, 4] in its pixels; labels [M];
            crowd [M].
        """
        height, width = image.shape[:2]
        window = np.array([0, 0, width, height], "float64")
        # With no object to hold on to, a crop of the zoomed-out canvas could miss the image.
        if random.random() < self.expand and not crowd.all():
            window = _expanded(window, self.max_expand, random)
        minimum = self.min_ious[random.integers(len(self.min_ious))] if self.min_ious else None
        crop = None
        if minimum is not None:
            crop = _crop(window, boxes_xyxy[~crowd], minimum, self.min_crop, random)
        window = window if crop is None else crop
        if letterbox:
            window = squared(window)
        if self.jitter:
            window = _stretched(window, self.jitter, random)
        keep_all = np.ones(len(boxes_xyxy), bool)
        if crop is not None:
            keep_all = kept(boxes_xyxy, crowd, window)
        fill = GREY if letterbox else _MEAN_RGB
        image, boxes = look_through(
            image, boxes_xyxy[keep_all], window, size, self._colour(random), fill
        )
        labels, crowd = labels[keep_all], crowd[keep_all]
        if random.random() < self.flip:
            image = np.ascontiguousarray(image[:, ::-1])
            boxes = np.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1)
        solid = area(boxes) > 0
        return image, boxes[solid], labels[solid], crowd[solid]

    def _colour(self, random: np.random.Generator):
        chosen = random.random(4) < self.photometric
        shift, contrast = random.uniform(-32, 32), random.uniform(0.5, 1.5)
        saturation, hue = random.uniform(0.5, 1.5), random.uniform(-9, 9)
        contrast_first = random.random() < 0.5
        if not chosen.any():
            return None

        def change(image):
            gain = contrast if chosen[1] else 1.0
            offset = shift if chosen[0] else 0.0
            if gain != 1.0 or offset:
                scaled = np.arange(256) * gain + offset
                table = np.clip(np.rint(scaled), 0, 255).astype("uint8")
            if contrast_first and (gain != 1.0 or offset):
                image = cv2.LUT(image, table)
            if chosen[2] or chosen[3]:
                channels = list(cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV)))
                if chosen[3]:  # OpenCV counts hue in steps of two degrees.
                    turned = (np.arange(256) + int(round(hue))) % 180
                    channels[0] = cv2.LUT(channels[0], turned.astype("uint8"))
                if chosen[2]:
                    stretched = np.clip(np.arange(256) * saturation, 0, 255).astype("uint8")
                    channels[1] = cv2.LUT(channels[1], stretched)
                image = cv2.cvtColor(cv2.merge(channels), cv2.COLOR_HSV2RGB)
            if not contrast_first and (gain != 1.0 or offset):
                image = cv2.LUT(image, table)
            return image

        return change


def look_through(
    image: np.ndarray,
    boxes_xyxy: np.ndarray,
    window: np.ndarray,
    size: int,
    colour=None,
    fill: tuple[int, int, int] = _MEAN_RGB,
) -> tuple[np.ndarray, np.ndarray]:
    """The part of an image inside a window, warped to a square; one colour beyond the edges.

    Args:
        image: uint8 [H, W, 3] RGB.
        boxes_xyxy: float [N, 4], pixels.
        window: float [4] xyxy, pixels; may reach beyond the image.
        size: side of the square, pixels.
        colour: optional change of the image's own pixels, uint8 to uint8.
        fill: RGB beyond the image's edges.

    Returns:
        uint8 [size, size, 3] and the boxes in its pixels, float32 [N, 4], clipped at its edges.
    """
    height, width = image.shape[:2]
    origin, extent = window[:2], window[2:] - window[:2]
    # Whole source pixels go onto whole target pixels, so that boxes and pixels move alike.
    source = np.clip(np.rint(window), 0, [width, height, width, height]).astype(int)
    target = np.rint((source.reshape(2, 2) - origin) / extent * size).astype(int)
    target = np.clip(target, 0, size).ravel()
    target[2:] = np.maximum(target[2:], target[:2] + 1)
    target[:2] -= np.maximum(target[2:] - size, 0)
    target[2:] = np.minimum(target[2:], size)
    x1, y1, x2, y2 = source
    u1, v1, u2, v2 = target
    shrink = (x2 - x1) >= (u2 - u1) and (y2 - y1) >= (v2 - v1)
    part = cv2.resize(
        image[y1:y2, x1:x2],
        (int(u2 - u1), int(v2 - v1)),
        interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR,
    )
    if colour is not None:
        part = colour(part)
    if (u1, v1, u2, v2) == (0, 0, size, size):
        square = part
    else:
        square = np.empty((size, size, 3), "uint8")
        square[:] = fill
        square[v1:v2, u1:u2] = part
    scale = np.array([(u2 - u1) / (x2 - x1), (v2 - v1) / (y2 - y1)] * 2)
    boxes = (boxes_xyxy - [x1, y1, x1, y1]) * scale + [u1, v1, u1, v1]
    return square, clip_boxes(boxes.astype("float32"), size, size)


def _expanded(window: np.ndarray, largest: float, random: np.random.Generator) -> np.ndarray:
    side = random.uniform(1, largest)
    extent = window[2:] * side
    corner = -random.random(2) * (extent - window[2:])
    return np.concatenate([corner, corner + extent])


def _stretched(window: np.ndarray, jitter: float, random: np.random.Generator) -> np.ndarray:
    """The window made wider or higher, so that what it shows gets narrower or lower."""
    wider, higher = random.uniform(1 - jitter, 1 + jitter, 2)
    extent = (window[2:] - window[:2]) * [max(1, wider / higher), max(1, higher / wider)]
    corner = (window[:2] + window[2:] - extent) / 2
    return np.concatenate([corner, corner + extent])


def _crop(window, objects, minimum, smallest, random) -> np.ndarray | None:
    """The first of 50 random windows that holds an object's centre and overlaps one enough."""
    extent = window[2:] - window[:2]
    shape = random.uniform(smallest, 1, (_TRIALS, 2))
    ratio = shape[:, 0] / shape[:, 1]
    corner = window[:2] + random.random((_TRIALS, 2)) * (1 - shape) * extent
    trials = np.concatenate([corner, corner + shape * extent], axis=1)
    good = (ratio >= 0.5) & (ratio <= 2)
    if len(objects):
        centre = (objects[:, :2] + objects[:, 2:]) / 2
        inside = (centre >= trials[:, None, :2]) & (centre <= trials[:, None, 2:])
        good &= inside.all(-1).any(1) & (pairwise_iou(trials, objects).max(1) >= minimum)
    found = np.flatnonzero(good)
    return trials[found[0]] if len(found) else None


def kept(boxes, crowd, window) -> np.ndarray:
    """Objects whose centre is in the window, crowd boxes of which anything is."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centre >= window[:2]) & (centre <= window[2:])).all(1)
    return np.where(crowd, intersections(boxes, window[None])[:, 0] > 0, inside)
