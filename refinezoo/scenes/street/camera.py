"""The pinhole camera that every frame is seen through."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refinezoo.errors import RefinezooError

LEAST_SIDE = 32
NEAR = 0.05


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without roll over the ground y = 0.

    World axes: x right, y up, z along the street, metres. Camera axes: x right, y down, z along
    the optical axis. Pixel centres lie at whole coordinates.

    Attributes:
        image_size: height and width, pixels, each at least 32.
        focal: focal length, pixels.
        position: x, y and z in the world, metres; y is the height over the road.
        yaw: radians, to the right of +z.
        pitch: radians, down.

    Raises:
        RefinezooError: an image too small, or a focal length that is not positive.
    """

    image_size: tuple[int, int]
    focal: float
    position: tuple[float, float, float] = (0.0, 1.4, 0.0)
    yaw: float = 0.0
    pitch: float = 0.0

    def __post_init__(self) -> None:
        if len(self.image_size) != 2 or min(self.image_size) < LEAST_SIDE:
            raise RefinezooError(
                f"expected image_size (height, width) of at least {LEAST_SIDE} pixels each, "
                f"received {tuple(self.image_size)}. Smaller frames show nothing of a scene."
            )
        if not self.focal > 0:
            raise RefinezooError(f"expected a focal length > 0 pixels, received {self.focal}.")

    @property
    def centre(self) -> tuple[float, float]:
        """Row and column of the optical axis."""
        height, width = self.image_size
        return (height - 1) / 2, (width - 1) / 2

    @property
    def horizon(self) -> float:
        """Row of the horizon: the ground lies z = height f / (cos(pitch) (row - horizon)) away."""
        return self.centre[0] - self.focal * float(np.tan(self.pitch))

    @cached_property
    def axes(self) -> np.ndarray:
        """Columns: the camera's right, down and forward in the world, float64 [3, 3]."""
        sin_yaw, cos_yaw = np.sin(self.yaw), np.cos(self.yaw)
        sin_pitch, cos_pitch = np.sin(self.pitch), np.cos(self.pitch)
        forward = np.array([sin_yaw * cos_pitch, -sin_pitch, cos_yaw * cos_pitch])
        right = np.array([cos_yaw, 0.0, -sin_yaw])
        return np.stack([right, -np.cross(forward, right), forward], axis=1)

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """x [W] and y [H] of the rays (x, y, 1) through the pixel centres, camera axes."""
        height, width = self.image_size
        row, column = self.centre
        xs = (np.arange(width) - column) / self.focal
        ys = (np.arange(height) - row) / self.focal
        return xs, ys

    def bounds(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pixels that convex hulls of points may cover, and how near these come.

        Args:
            points: float [N, K, 3], camera axes, metres.

        Returns:
            int [N, 4], first row, end row, first column, end column (no pixels where an end is
            not above its first), and float [N], the least z.
        """
        near = points[..., 2].min(axis=1)
        boxes = self._boxes(points)
        for k in np.flatnonzero(near <= NEAR):
            front = points[k, :, 2] > NEAR
            if not front.any():
                boxes[k] = 0
                continue
            a, b = points[k, front][:, None], points[k, ~front][None]
            share = (NEAR - b[..., 2:]) / (a[..., 2:] - b[..., 2:])
            met = (b + share * (a - b)).reshape(-1, 3)  # where edges pass the image's plane
            boxes[k] = self._boxes(np.concatenate([points[k, front], met])[None])[0]
        return boxes, near

    def _boxes(self, points: np.ndarray) -> np.ndarray:
        (height, width), (row, column) = self.image_size, self.centre
        z = np.maximum(points[..., 2], NEAR)
        rows = np.clip(points[..., 1] / z * self.focal + row, -1, height)
        columns = np.clip(points[..., 0] / z * self.focal + column, -1, width)
        ends = [np.ceil(rows.min(1)), rows.max(1) + 1, np.ceil(columns.min(1)), columns.max(1) + 1]
        limits = [height, height, width, width]
        return np.stack([np.clip(e, 0, m) for e, m in zip(ends, limits, strict=True)], 1).astype(
            int
        )
