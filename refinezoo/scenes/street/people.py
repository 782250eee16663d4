"""Pedestrians and cyclists: flat cut-outs that face the viewer."""

import cv2
import numpy as np

from refinezoo.scenes.street.classes import BICYCLIST, PEDESTRIAN
from refinezoo.scenes.street.light import Caster
from refinezoo.scenes.street.raster import Patch
from refinezoo.scenes.street.textures import Texture, cut_out, with_alpha

CLOTH = [
    (35, 38, 48),
    (60, 62, 70),
    (120, 40, 40),
    (45, 60, 100),
    (90, 95, 100),
    (150, 140, 120),
    (30, 30, 32),
    (70, 85, 60),
    (190, 185, 175),
    (160, 90, 40),
]
SKIN = [(224, 182, 155), (198, 150, 120), (140, 98, 74), (95, 65, 50)]
HAIR = [(40, 30, 25), (90, 65, 40), (150, 120, 80), (110, 108, 105)]


class _Sketch:
    """Draws limbs and discs in an image 1 unit high, colour and alpha at once."""

    def __init__(self, height: int, width: int) -> None:
        self.rgb, self.alpha = cut_out(height, width)
        self.height, self.width = height, width

    def _at(self, point) -> tuple[int, int]:
        return int(self.width / 2 + point[0] * self.height), int(point[1] * self.height)

    def line(self, a, b, thickness: float, colour) -> None:
        t = max(1, round(thickness * self.height))
        for image, value in ((self.rgb, colour), (self.alpha, 255)):
            cv2.line(image, self._at(a), self._at(b), value, t)

    def disc(self, centre, radii, colour, thickness: float = -1) -> None:
        t = -1 if thickness < 0 else max(1, round(thickness * self.height))
        axes = tuple(max(1, round(r * self.height)) for r in radii)
        for image, value in ((self.rgb, colour), (self.alpha, 255)):
            cv2.ellipse(image, self._at(centre), axes, 0, 0, 360, value, t)

    def shape(self, points, colour) -> None:
        outline = np.array([self._at(point) for point in points])
        for image, value in ((self.rgb, colour), (self.alpha, 255)):
            cv2.fillConvexPoly(image, outline, value)


def _some(rng, colours) -> tuple[int, ...]:
    return tuple(int(c) for c in np.array(colours[rng.integers(len(colours))]))


def walker(rng: np.random.Generator) -> Texture:
    """A person 1 unit high and at most 1/2 wide."""
    sketch = _Sketch(128, 64)
    coat, legs = _some(rng, CLOTH), _some(rng, CLOTH)
    skin, hair = _some(rng, SKIN), _some(rng, HAIR)
    stride, swing = rng.uniform(0.0, 0.12), rng.uniform(-0.1, 0.1)
    for sign in (-1, 1):
        sketch.line((0.03 * sign, 0.5), (sign * (0.03 + stride), 0.96), 0.075, legs)
        sketch.line((sign * (0.03 + stride), 0.97), (sign * (0.05 + stride), 0.98), 0.05, (25,) * 3)
        sketch.line((0.095 * sign, 0.22), (sign * 0.12 + swing, 0.5), 0.055, coat)
    hem = rng.choice([0.52, 0.56, 0.66])
    sketch.shape([(-0.1, 0.19), (0.1, 0.19), (0.09, hem), (-0.09, hem)], coat)
    sketch.disc((0, 0.2), (0.1, 0.04), coat)
    sketch.disc((0, 0.09), (0.05, 0.07), skin)
    sketch.disc((0, 0.06), (0.054, 0.055), hair)
    if rng.random() < 0.4:
        sketch.disc((0.15, 0.52), (0.05, 0.06), _some(rng, CLOTH))  # bag
    return with_alpha(sketch.rgb, sketch.alpha)


def rider(rng: np.random.Generator, along: bool) -> Texture:
    """A cyclist, seen from behind (1/2 wide) or from the side (as wide as high)."""
    sketch = _Sketch(128, 64 if along else 128)
    coat, legs, frame = _some(rng, CLOTH), _some(rng, CLOTH), _some(rng, CLOTH)
    skin, hat = _some(rng, SKIN), _some(rng, [*CLOTH, *HAIR])
    if along:
        sketch.line((0, 0.62), (0, 0.97), 0.035, (25, 25, 27))
        sketch.line((-0.15, 0.46), (0.15, 0.46), 0.02, (40, 40, 42))
        for sign in (-1, 1):
            sketch.line((0.06 * sign, 0.5), (0.08 * sign, 0.8 - 0.06 * sign), 0.07, legs)
            sketch.line((0.1 * sign, 0.2), (0.15 * sign, 0.45), 0.05, coat)
        sketch.shape([(-0.11, 0.18), (0.11, 0.18), (0.1, 0.52), (-0.1, 0.52)], coat)
        head = (0.0, 0.09)
    else:
        for x in (-0.29, 0.29):
            sketch.disc((x, 0.8), (0.18, 0.18), (25, 25, 27), 0.022)
        for a, b in (
            ((-0.29, 0.8), (0.0, 0.78)),
            ((0.0, 0.78), (0.2, 0.55)),
            ((-0.1, 0.52), (0.0, 0.78)),
            ((-0.1, 0.55), (0.2, 0.55)),
            ((0.29, 0.8), (0.19, 0.48)),
            ((-0.29, 0.8), (-0.1, 0.55)),
        ):
            sketch.line(a, b, 0.022, frame)
        sketch.line((-0.12, 0.46), (0.05, 0.62), 0.08, legs)
        sketch.line((0.05, 0.62), (0.0, 0.84), 0.065, legs)
        sketch.line((-0.12, 0.46), (0.05, 0.2), 0.13, coat)
        sketch.line((0.05, 0.22), (0.19, 0.46), 0.05, coat)
        head = (0.1, 0.1)
    sketch.disc(head, (0.05, 0.07), skin)
    sketch.disc((head[0], head[1] - 0.035), (0.056, 0.05), hat)
    return with_alpha(sketch.rgb, sketch.alpha)


class Person:
    """A pedestrian or cyclist at (x, z), facing the camera's side of the street.

    Args:
        rng: of the draw.
        x: metres.
        z: metres.
        instance: its number.
        ground: height of what it stands on, metres.
        cycling: "along", "across" or "" for a pedestrian.
    """

    def __init__(self, rng, x, z, instance, ground=0.0, cycling="") -> None:
        height = rng.uniform(1.62, 1.85) if not cycling else rng.uniform(1.68, 1.85)
        if not cycling and rng.random() < 0.1:
            height *= 0.65  # a child
        texture = rider(rng, cycling == "along") if cycling else walker(rng)
        width = height * texture.width / texture.height
        mirrored = 1 if rng.random() < 0.5 else -1
        self.surfaces = [
            Patch(
                (x - mirrored * width / 2, ground + height, z),
                (mirrored * width, 0, 0),
                (0, -height, 0),
                texture,
                BICYCLIST if cycling else PEDESTRIAN,
                instance,
                flat=True,
            )
        ]
        r = 0.5 * width if cycling == "across" else 0.22
        foot = np.array([(x - r, z - 0.2), (x + r, z - 0.2), (x + r, z + 0.2), (x - r, z + 0.2)])
        self.caster = Caster(foot, height * 0.9)
