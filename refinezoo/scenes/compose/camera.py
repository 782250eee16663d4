"""Cameras: a plane or carton seen in perspective, and the wide-angle lens."""

from functools import lru_cache

import cv2
import numpy as np


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The rotation matrix of a turn about the vertical, a nod and a tilt, in degrees."""
    a, b, c = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    tilt = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return tilt @ nod @ turn


def project(points: np.ndarray, turn: np.ndarray, distance: float) -> np.ndarray:
    """Pinhole projection of points about the origin: [N, 3] -> [N, 2], the same unit.

    Args:
        points: x right, y down, z away from the camera.
        turn: rotation matrix [3, 3].
        distance: of the camera from the origin, > the object's radius.
    """
    turned = points @ turn.T
    return turned[:, :2] * (distance / (turned[:, 2:] + distance))


def map_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points [N, 2] through a homography [3, 3]."""
    return cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float32), matrix)[:, 0]


@lru_cache(maxsize=32)
def wide_angle_map(side: int, half_angle: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of an equidistant fisheye image lies in the pinhole image.

    A pinhole camera puts a ray at angle t from the axis at f tan(t), an equidistant fisheye at f t.
    Corners map to corners, so that nothing outside the pinhole image is needed.

    Args:
        side: pixels of the square image.
        half_angle: angle of the corner's ray from the axis, degrees, 1 to 75.

    Returns:
        Two float32 [side, side] maps for `cv2.remap`.
    """
    t = np.radians(half_angle)
    centre = (side - 1) / 2
    y, x = np.mgrid[:side, :side].astype(np.float64) - centre
    radius = np.hypot(x, y) / (centre * np.sqrt(2))
    angle = np.maximum(radius * t, 1e-9)
    stretch = np.tan(angle) / np.tan(t) / np.maximum(radius, 1e-9)
    stretch[radius < 1e-9] = t / np.tan(t)
    return (x * stretch + centre).astype(np.float32), (y * stretch + centre).astype(np.float32)


def wide_angle_magnification(half_angle: float) -> float:
    """How much larger the middle of the image becomes through `wide_angle_map`."""
    t = np.radians(half_angle)
    return float(np.tan(t) / t)
