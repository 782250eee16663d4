"""Cars, vans and buses: a side profile pulled across the width."""

from typing import Any

import cv2
import numpy as np

from refinezoo.scenes.street.classes import CAR
from refinezoo.scenes.street.light import Caster
from refinezoo.scenes.street.raster import Patch
from refinezoo.scenes.street.textures import Texture, cut_out, plain, with_alpha

PAINT = [
    (175, 178, 182),
    (60, 62, 66),
    (32, 34, 40),
    (150, 30, 32),
    (40, 60, 110),
    (225, 226, 224),
    (90, 110, 130),
    (40, 75, 60),
    (120, 122, 126),
    (190, 175, 60),
]
# Rear bottom round to front bottom, in shares of length and height; `g` = the edge from this point
# to the next is glass.
PROFILES = {
    "hatchback": (
        4.0,
        1.68,
        1.45,
        [
            (0.0, 0.18, ""),
            (0.0, 0.58, "g"),
            (0.1, 0.95, ""),
            (0.16, 1.0, ""),
            (0.55, 0.98, "g"),
            (0.73, 0.64, ""),
            (0.97, 0.52, ""),
            (1.0, 0.4, ""),
            (1.0, 0.18, ""),
        ],
    ),
    "saloon": (
        4.5,
        1.75,
        1.42,
        [
            (0.0, 0.2, ""),
            (0.0, 0.6, ""),
            (0.14, 0.65, "g"),
            (0.28, 0.97, ""),
            (0.34, 1.0, ""),
            (0.55, 0.98, "g"),
            (0.71, 0.65, ""),
            (0.97, 0.54, ""),
            (1.0, 0.42, ""),
            (1.0, 0.18, ""),
        ],
    ),
    "estate": (
        4.6,
        1.78,
        1.65,
        [
            (0.0, 0.18, ""),
            (0.0, 0.58, "g"),
            (0.04, 0.94, ""),
            (0.08, 1.0, ""),
            (0.58, 0.99, "g"),
            (0.74, 0.64, ""),
            (0.97, 0.55, ""),
            (1.0, 0.42, ""),
            (1.0, 0.18, ""),
        ],
    ),
    "van": (
        5.0,
        1.9,
        2.1,
        [
            (0.0, 0.14, ""),
            (0.0, 0.55, "g"),
            (0.01, 0.85, ""),
            (0.02, 1.0, ""),
            (0.74, 1.0, "g"),
            (0.88, 0.58, ""),
            (0.98, 0.48, ""),
            (1.0, 0.36, ""),
            (1.0, 0.14, ""),
        ],
    ),
    "bus": (
        10.0,
        2.5,
        3.0,
        [
            (0.0, 0.1, ""),
            (0.0, 0.5, "g"),
            (0.0, 0.85, ""),
            (0.0, 1.0, ""),
            (0.995, 1.0, ""),
            (0.995, 0.92, "g"),
            (1.0, 0.4, ""),
            (1.0, 0.1, ""),
        ],
    ),
}
GLASS = (45, 52, 60)


def _side(rng, name: str, length: float, height: float, points, colour) -> Texture:
    h, w = 64, 128
    rgb, alpha = cut_out(h, w)
    outline = np.array([(x * (w - 1), (1 - y) * (h - 1)) for x, y, _ in points])
    cv2.fillPoly(alpha, [outline.astype(np.int32)], 255)
    rows = np.linspace(1.08, 0.8, h)[:, None, None]
    rgb[:] = np.clip(rows * np.asarray(colour), 0, 255)
    centre = outline.mean(axis=0)
    if name == "bus":
        cv2.rectangle(rgb, (4, 12), (w - 5, 34), GLASS, -1)
        for x in range(16, w, 16):
            cv2.line(rgb, (x, 12), (x, 34), colour, 2)
        cv2.rectangle(rgb, (0, 40), (w, 44), PAINT[rng.integers(len(PAINT))], -1)
    else:
        upper = outline[[k for k, p in enumerate(points) if p[1] > 0.56]]
        middle = upper.mean(axis=0)
        windows = middle + (upper - middle) * (0.86, 0.72)
        if name == "van":
            windows[:, 0] = np.maximum(windows[:, 0], 0.62 * w)
        cv2.fillConvexPoly(rgb, cv2.convexHull(windows.astype(np.int32)), GLASS)
        cv2.line(rgb, (int(0.5 * w), 0), (int(0.5 * w), h - 12), _dark(colour, 0.7), 2)
    cv2.line(rgb, (0, int(centre[1] + 12)), (w, int(centre[1] + 12)), _dark(colour, 0.75), 1)
    radius = max(4, round(0.3 / length * w))
    squash = round(0.3 / height * h)
    for along in (0.19, 0.81):
        hub = (int(along * w), h - 1 - squash)
        cv2.ellipse(alpha, hub, (radius, squash), 0, 0, 360, 255, -1)
        cv2.ellipse(rgb, hub, (radius + 1, squash + 2), 0, 0, 360, (22, 22, 24), -1)
        cv2.ellipse(rgb, hub, (radius // 2, squash // 2), 0, 0, 360, (140, 142, 145), -1)
    return with_alpha(rgb, alpha)


def _end(rng, colour, front: bool) -> Texture:
    """Bumper, lamps and plate: the lower face of the front or the rear."""
    h, w = 32, 64
    rgb = np.empty((h, w, 3), np.uint8)
    rgb[:] = colour
    cv2.rectangle(rgb, (0, 22), (w, h), _dark(colour, 0.55), -1)
    lamp = (235, 238, 240) if front else (170, 25, 25)
    cv2.rectangle(rgb, (1, 4), (11, 13), lamp, -1)
    cv2.rectangle(rgb, (w - 12, 4), (w - 2, 13), lamp, -1)
    if front:
        cv2.rectangle(rgb, (16, 6), (47, 15), (35, 36, 38), -1)
    plate = (232, 232, 226) if front else (225, 190, 60)
    cv2.rectangle(rgb, (22, 17), (41, 22), plate, -1)
    return Texture(rgb)


def _dark(colour, gain: float) -> tuple[int, ...]:
    return tuple(int(c * gain) for c in colour)


class Vehicle:
    """A car, van or bus on the ground.

    Args:
        rng: of the draw.
        x: of its middle, metres.
        z: of its middle.
        heading: radians to the right of +z, the way it drives.
        instance: its number.
        kind: a key of `PROFILES`; drawn if None.
    """

    def __init__(self, rng, x: float, z: float, heading: float, instance: int, kind=None) -> None:
        kinds = list(PROFILES)
        kind = kind or str(rng.choice(kinds, p=[0.36, 0.25, 0.2, 0.14, 0.05]))
        length, width, height, points = PROFILES[kind]
        length, height = length * rng.uniform(0.94, 1.06), height * rng.uniform(0.96, 1.04)
        colour = tuple(int(c) for c in PAINT[rng.integers(len(PAINT))])
        ahead = np.array([np.sin(heading), 0.0, np.cos(heading)])
        across = np.array([np.cos(heading), 0.0, -np.sin(heading)]) * width
        rear = np.array([x, 0.0, z]) - ahead * length / 2 - across / 2
        up = np.array([0.0, height, 0.0])
        side = _side(rng, kind, length, height, points, colour)
        own: dict[str, Any] = {"class_id": CAR, "instance": instance}
        self.surfaces = [
            Patch(rear + up + shift, ahead * length, -up, side, **own) for shift in (0, across)
        ]
        last = len(points) - 1
        for k, ((x0, y0, kind_of), (x1, y1, _)) in enumerate(
            zip(points[:-1], points[1:], strict=True)
        ):
            a, b = rear + ahead * length * x0 + up * y0, rear + ahead * length * x1 + up * y1
            texture, tint = plain(), np.array(colour) / 255
            if kind_of == "g":
                tint = np.array(GLASS) / 255 * 1.3
            elif k == 0:
                texture, tint = _end(rng, colour, front=False), np.ones(3)
            elif k == last - 1:
                texture, tint = _end(rng, colour, front=True), np.ones(3)
            top, bottom = (b, a) if b[1] > a[1] else (a, b)
            self.surfaces.append(
                Patch(top, across, bottom - top, texture, colour=tuple(tint), **own)
            )
        for place in (0.06, 0.94):  # tyres, seen under the bumpers
            foot = rear + ahead * length * place + up * points[0][1]
            for shift in (0.04, 0.84):
                self.surfaces.append(
                    Patch(
                        foot + across * shift,
                        across * 0.12,
                        -up * points[0][1],
                        plain(),
                        colour=(0.09, 0.09, 0.09),
                        **own,
                    )
                )
        corners = [rear, rear + ahead * length, rear + ahead * length + across, rear + across]
        self.footprint = np.array([(p[0], p[2]) for p in corners])
        self.caster = Caster(self.footprint, height * 0.85)


def own_bonnet(size: tuple[int, int], rise: float) -> tuple[np.ndarray, np.ndarray]:
    """The bonnet of the car that the camera is in.

    Args:
        size: height and width of the frame, pixels.
        rise: its height, as a share of the frame's.

    Returns:
        Where it is, bool `[H, W]`, and what it looks like, float `[H, W, 3]` in 0..255.
    """
    height, width = size
    column = np.linspace(-1, 1, width)
    top = height * (1 - rise * (1 - 0.5 * (column - 0.2) ** 2))
    inside = np.arange(height)[:, None] > top[None]
    shine = np.linspace(30, 70, height)[:, None, None] * np.array([1.0, 1.03, 1.1])
    return inside, np.broadcast_to(shine, (height, width, 3))
