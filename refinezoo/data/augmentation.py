"""Joint augmentation: image, mask, depth and boxes stay aligned.

A record is a dictionary with `image` (uint8 [H, W, 3]) and any of `foreground_mask` (float32
[H, W, 1], 1 = object), `depth_m` (float32 [H, W, 1], metres, 0 = missing), `class_ids` (uint8
[H, W, 1], 255 = ignored), `boxes_xywh` (float32 [N, 4] pixels) with `labels`, `crowd`,
`visibility` ([N]). Every function returns a new record.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import Field

from refinezoo.config import Share
from refinezoo.errors import RefinezooError

Record = dict[str, Any]
Side = Annotated[float, Field(gt=0, le=1)]  # as a share of an image's
Degrees = Annotated[float, Field(ge=0, le=180)]
# And what lies outside of them.
MAPS = {"image": 0, "foreground_mask": 0.0, "depth_m": 0.0, "class_ids": 255}
PER_BOX = ("boxes_xywh", "labels", "crowd", "visibility")


def flip(record: Record) -> Record:
    """Mirrors left and right."""
    width = _size(record)[1]
    out = {**record, **{key: record[key][:, ::-1].copy() for key in MAPS if key in record}}
    if "boxes_xywh" in record:
        boxes = record["boxes_xywh"].copy()
        boxes[:, 0] = width - boxes[:, 0] - boxes[:, 2]
        out["boxes_xywh"] = boxes
    return out


def crop(record: Record, x: int, y: int, width: int, height: int, min_kept: float = 0.25) -> Record:
    """Cuts out a window that lies inside the image.

    Boxes are clipped to it; those of which less than `min_kept` of the area is left are dropped.
    """
    full_height, full_width = _size(record)
    if (
        x < 0
        or y < 0
        or width < 1
        or height < 1
        or x + width > full_width
        or (y + height > full_height)
    ):
        raise RefinezooError(
            f"expected a window inside {full_width} x {full_height} pixels, received x={x}, y={y}, "
            f"width={width}, height={height}."
        )
    out = {
        **record,
        **{k: record[k][y : y + height, x : x + width].copy() for k in MAPS if k in record},
    }
    if "boxes_xywh" in record:
        shifted = record["boxes_xywh"] - np.array([x, y, 0, 0], np.float32)
        out.update(_clipped(out, shifted, width, height, min_kept))
    return out


def resize(record: Record, height: int, width: int) -> Record:
    """Scales to another size: the image by area or bilinear, masks and depth by nearest.

    Depth keeps its metres.
    """
    old_height, old_width = _size(record)
    smaller = height * width < old_height * old_width
    out = dict(record)
    for key in MAPS:
        if key in record:
            mode = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            mode = mode if key == "image" else cv2.INTER_NEAREST_EXACT
            scaled = cv2.resize(record[key], (width, height), interpolation=mode)
            out[key] = scaled.reshape(height, width, record[key].shape[2])
    if "boxes_xywh" in record:
        factors = np.array([width / old_width, height / old_height] * 2, np.float32)
        out["boxes_xywh"] = record["boxes_xywh"] * factors
    return out


def rotate(record: Record, degrees: float, min_kept: float = 0.25) -> Record:
    """Rotates clockwise about the middle; uncovered corners are black, background, missing.

    A box becomes the upright box around its rotated corners: true, but no longer tight.
    """
    height, width = _size(record)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    out = dict(record)
    for key, outside in MAPS.items():
        if key in record:
            mode = cv2.INTER_LINEAR if key == "image" else cv2.INTER_NEAREST
            channels = record[key].shape[2]
            turned = cv2.warpAffine(
                record[key], matrix, (width, height), flags=mode, borderValue=(outside,) * 4
            )
            out[key] = turned.reshape(height, width, channels)
    if "boxes_xywh" in record:
        x, y, w, h = (
            record["boxes_xywh"].T - np.array([[0.5], [0.5], [0], [0]], np.float32)
        ).astype(float)
        corners = np.stack([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]).transpose(2, 0, 1)
        turned = corners @ matrix[:, :2].T + matrix[:, 2] + 0.5
        low, high = turned.min(1), turned.max(1)
        boxes = np.concatenate([low, high - low], axis=1).astype(np.float32)
        out.update(_clipped(out, boxes, width, height, min_kept))
    return out


def photometric(
    record: Record,
    brightness: float = 1.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    hue_degrees: float = 0.0,
) -> Record:
    """Changes the image's light and colour only."""
    image = record["image"].astype(np.float32)
    if saturation != 1.0 or hue_degrees:
        hsv = cv2.cvtColor(image / 255, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + hue_degrees) % 360
        hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 1)
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255
    image = (image - 128) * contrast + 128
    return {**record, "image": np.clip(image * brightness + 0.5, 0, 255).astype(np.uint8)}


@dataclass(frozen=True)
class Augmentation:
    """Random joint augmentation with plain numbers.

    Attributes:
        flip: chance of mirroring.
        rotate: largest rotation, degrees.
        crop: smallest side of a random window, as a share of the image's; 1 = no crop. The
            window is scaled back to the image's size.
        brightness: largest relative change.
        contrast: largest relative change.
        saturation: largest relative change.
        hue_degrees: largest rotation of the hue.
    """

    flip: Share = 0.5
    rotate: Degrees = 0.0
    crop: Side = 1.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue_degrees: Degrees = 0.0

    def __call__(self, record: Record, rng: np.random.Generator) -> Record:
        """A randomly changed record of the same size."""
        height, width = _size(record)
        draws = rng.uniform(-1, 1, 8)
        if self.rotate:
            record = rotate(record, draws[0] * self.rotate)
        if self.crop < 1:
            share = 1 - (1 - self.crop) * abs(draws[1])
            h, w = max(1, round(height * share)), max(1, round(width * share))
            x = round((width - w) * (draws[2] + 1) / 2)
            y = round((height - h) * (draws[3] + 1) / 2)
            record = resize(crop(record, x, y, w, h), height, width)
        if (draws[4] + 1) / 2 < self.flip:
            record = flip(record)
        if self.brightness or self.contrast or self.saturation or self.hue_degrees:
            changes = rng.uniform(-1, 1, 2)
            record = photometric(
                record,
                1 + draws[5] * self.brightness,
                1 + draws[6] * self.contrast,
                1 + draws[7] * self.saturation,
                changes[0] * self.hue_degrees,
            )
        return record


def _size(record: Record) -> tuple[int, int]:
    if "image" not in record:
        raise RefinezooError(
            f'expected "image" in the record, received keys: {", ".join(record) or "none"}.'
        )
    size = record["image"].shape[:2]
    for key in MAPS:
        if key in record and (record[key].ndim != 3 or record[key].shape[:2] != size):
            raise RefinezooError(
                f"expected {key} [H, W, C] with H, W = {list(size)} as the image, received "
                f"{list(record[key].shape)}."
            )
    return size


def _clipped(record: Record, boxes: np.ndarray, width: int, height: int, min_kept: float) -> Record:
    low = np.maximum(boxes[:, :2], 0)
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], np.array([width, height], np.float32))
    sides = np.maximum(high - low, 0)
    keep = (sides.min(1) > 0) & (sides.prod(1) >= min_kept * boxes[:, 2:].prod(1))
    clipped = np.concatenate([low, sides], axis=1).astype(np.float32)
    rest = {key: record[key][keep] for key in PER_BOX[1:] if key in record}
    return {"boxes_xywh": clipped[keep], **rest}
