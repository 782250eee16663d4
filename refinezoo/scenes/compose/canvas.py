"""The canvas: pixels and, beside them, which instance each pixel shows."""

from dataclasses import dataclass

import cv2
import numpy as np

from refinezoo.scenes.compose.camera import map_points
from refinezoo.scenes.compose.cutouts import Cutout


@dataclass
class Instance:
    """A product drawn somewhere.

    Attributes:
        category_id: COCO id.
        outline: its whole outline on the canvas, float32 [N, 2] pixels, ignoring occlusion.
        fill: the opaque share of that outline.
    """

    category_id: int
    outline: np.ndarray
    fill: float

    @property
    def area(self) -> float:
        """Pixels it would cover if nothing hid it."""
        return max(float(cv2.contourArea(cv2.convexHull(self.outline))) * self.fill, 1.0)


class Canvas:
    """Where a scene is drawn, back to front.

    Attributes:
        pixels: uint8 [H, W, 3] RGB.
        labels: uint16 [H, W]; 0 = no product, k = `instances[k - 1]`.
        instances: every product drawn so far, also those hidden again.
        hidden: instance numbers that are counted but not drawn (for the empty background).
    """

    def __init__(self, height: int, width: int, colour=(0, 0, 0), hidden: frozenset = frozenset()):
        self.pixels: np.ndarray = np.zeros((height, width, 3), np.uint8)
        if any(colour):
            self.paint(colour)
        self.labels: np.ndarray = np.zeros((height, width), np.uint16)
        self.instances: list[Instance] = []
        self.hidden = hidden

    def paint(self, colour) -> None:
        """Fills the pixels with one colour, RGB 0 to 255."""
        values = tuple(float(value) for value in np.clip(colour, 0, 255))
        cv2.rectangle(self.pixels, (0, 0), self.pixels.shape[1::-1], values, -1)

    def number(self, cutout: Cutout, outline: np.ndarray, fill: float) -> int:
        """Registers an instance; 0 for a distractor, -1 for one that is not to be drawn."""
        if cutout.category_id is None:
            return 0
        self.instances.append(Instance(cutout.category_id, outline, fill))
        number = len(self.instances)
        return -1 if number in self.hidden else number

    def paste_upright(self, cutout: Cutout, height: int, x: int, base: int, dim: bool) -> int:
        """Draws a cut-out unrotated, its foot at `base`; returns its width in pixels."""
        patch = cutout.upright(height, dim)
        width = patch.shape[1]
        box = np.array(
            [[x, base - height], [x + width, base - height], [x + width, base], [x, base]],
            np.float32,
        )
        number = self.number(cutout, box, cutout.fill)
        self._blend(patch, x, base - height, number, 1.0)
        return width

    def paste_warped(
        self, texture: np.ndarray, matrix: np.ndarray, number: int, gain: float
    ) -> None:
        """Draws premultiplied RGBA through a homography texture pixels -> canvas pixels."""
        height, width = texture.shape[:2]
        corners = map_points(
            np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32), matrix
        )
        left, top = np.floor(np.maximum(corners.min(0), 0)).astype(int)
        right, bottom = np.ceil(np.minimum(corners.max(0), self.labels.shape[::-1])).astype(int)
        if right <= left or bottom <= top or number < 0:
            return
        shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
        # Pixel centres lie at +0.5 in our coordinates and at integers in OpenCV's.
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]], np.float64)
        patch = cv2.warpPerspective(
            texture,
            np.linalg.inv(half) @ shift @ matrix @ half,
            (int(right - left), int(bottom - top)),
            flags=cv2.INTER_LINEAR,
        )
        self._blend(patch, int(left), int(top), number, gain)

    def paste_cutout(
        self, cutout: Cutout, matrix: np.ndarray, gain: float = 1.0, number: int | None = None
    ) -> None:
        """Draws a cut-out through a homography full image pixels -> canvas pixels."""
        width, height = cutout.size
        outline = map_points(cutout.hull * np.array([width, height], np.float32), matrix)
        if number is None:
            number = self.number(cutout, outline, 1.0)
        scale = np.sqrt(Instance(0, outline, 1.0).area / (cutout.fill * width * height))
        texture = cutout.level(scale)
        zoom = np.diag([width / texture.shape[1], height / texture.shape[0], 1.0])
        self.paste_warped(texture, matrix @ zoom, number, gain)

    def paste_canvas(self, other: "Canvas", matrix: np.ndarray) -> None:
        """Fills this canvas with another one seen through a homography; takes its instances."""
        height, width = self.labels.shape
        self.pixels = cv2.warpPerspective(other.pixels, matrix, (width, height))
        offset = len(self.instances)
        labels = cv2.warpPerspective(other.labels, matrix, (width, height), flags=cv2.INTER_NEAREST)
        self.labels = np.where(labels > 0, labels + offset, 0).astype(np.uint16)
        if other.instances:
            sizes = [len(instance.outline) for instance in other.instances]
            mapped = map_points(np.concatenate([i.outline for i in other.instances]), matrix)
            for instance, outline in zip(
                other.instances, np.split(mapped, np.cumsum(sizes)[:-1]), strict=True
            ):
                self.instances.append(Instance(instance.category_id, outline, instance.fill))

    def _blend(self, patch: np.ndarray, x: int, y: int, number: int, gain: float) -> None:
        height, width = self.labels.shape
        top, left = max(-y, 0), max(-x, 0)
        patch = patch[top : height - y, left : width - x]
        if number < 0 or patch.size == 0 or y + top >= height or x + left >= width:
            return
        rows = slice(y + top, y + top + patch.shape[0])
        columns = slice(x + left, x + left + patch.shape[1])
        below = self.pixels[rows, columns]
        alpha = patch[..., 3]
        colour = patch[..., :3]
        if gain != 1.0:
            colour = cv2.convertScaleAbs(colour, alpha=gain)
        rest = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
        self.pixels[rows, columns] = cv2.add(cv2.multiply(below, rest, scale=1 / 255), colour)
        self.labels[rows, columns][alpha > 127] = number
