"""The ground: carriageway with its lines, pavements with kerbs, verges, crossings."""

from functools import cache

import cv2
import numpy as np

from refinezoo.scenes.street.classes import PAVEMENT, ROAD, TREE
from refinezoo.scenes.street.plants import grass
from refinezoo.scenes.street.raster import Patch
from refinezoo.scenes.street.textures import Texture, mottled, noise_like

KERB = 0.11  # metres
PERIOD = 9.0  # metres after which the lines repeat


@cache
def _tarmac(number: int) -> np.ndarray:
    """Asphalt without lines, with the tracks of wheels: uint8 [512, 512, 3]."""
    rng, side = np.random.default_rng([15, number]), 512
    grey = 98 * (1 + 0.06 * noise_like(rng, side, side, 4.0))
    grey = grey * (1 + 0.08 * noise_like(rng, side, side, 0.8))
    for x in np.multiply((0.15, 0.37, 0.63, 0.85), side):
        grey = grey * (1 - 0.07 * np.exp(-(((np.arange(side) - x) / 24) ** 2)))
    return np.clip(grey[..., None] * (1.0, 1.0, 1.02), 0, 255).astype(np.uint8)


def asphalt(rng: np.random.Generator, width: float) -> Texture:
    """A carriageway of `width` metres with its lines, `PERIOD` metres long."""
    side = 512
    per_metre = side / width
    rgb = cv2.convertScaleAbs(_tarmac(int(rng.integers(6))), alpha=rng.uniform(0.75, 1.3))
    white = tuple(int(c) for c in np.full(3, rng.uniform(170, 230)))
    yellow = (190, 165, 70)

    def line(x_metres: float, metres: float, colour, start=0.0, end=1.0) -> None:
        x, half = x_metres * per_metre, max(1, round(metres * per_metre / 2))
        cv2.rectangle(
            rgb, (int(x - half), int(start * side)), (int(x + half), int(end * side)), colour, -1
        )

    style = rng.random()
    if style < 0.75:
        line(width / 2, 0.12, white, 0.0, 0.4 if style < 0.5 else 0.65)
    kerb = rng.random()
    if kerb < 0.4:
        for gap in (0.25, 0.45):
            line(gap, 0.08, yellow)
            line(width - gap, 0.08, yellow)
    elif kerb < 0.6:
        line(0.4, 0.1, white)
        line(width - 0.4, 0.1, white)
    if rng.random() < 0.5:  # repairs
        x, y = rng.integers(60, side - 140, 2)
        patch = rgb[y : y + 70, x : x + 60]
        patch[:] = patch * rng.uniform(0.75, 0.9)
    return Texture(rgb)


def paving(rng: np.random.Generator) -> Texture:
    """Slabs of about 0.6 m, 2.4 x 2.4 m."""
    colour = np.array([1.0, rng.uniform(0.94, 1.0), rng.uniform(0.86, 0.98)]) * rng.uniform(95, 165)
    rgb = mottled(rng, colour, 128, 128, 0.08, 1.5)
    for k in range(0, 128, 32):
        rgb[k] = rgb[k] * 0.8
        rgb[:, k] = rgb[:, k] * 0.85
    return Texture(rgb)


def carriageway(rng: np.random.Generator, half: float, start: float, end: float) -> list[Patch]:
    """The road itself, |x| <= half, from start to end, with a few things painted on it."""
    length = end - start
    surface = Patch(
        (-half, 0, end),
        (2 * half, 0, 0),
        (0, 0, -length),
        asphalt(rng, 2 * half),
        ROAD,
        repeat=(1, length / PERIOD),
    )
    patches = [surface]
    white = Texture(np.full((2, 2, 3), 205, np.uint8))
    if rng.random() < 0.25:  # zebra crossing
        z = rng.uniform(8, 25)
        for x in np.arange(-half + 0.3, half - 0.3, 1.1):
            patches.append(
                Patch((x, 0, z + 2.6), (0.55, 0, 0), (0, 0, -2.6), white, ROAD, paint=True)
            )
    if rng.random() < 0.4:  # a cover of iron
        x, z = rng.uniform(-half, half) * 0.7, rng.uniform(4, 15)
        iron = Texture(mottled(rng, (70, 68, 66), 16, 16, 0.2, 3.0))
        patches.append(Patch((x, 0, z), (0.7, 0, 0), (0, 0, -0.7), iron, ROAD, paint=True))
    return patches


def side_street(rng: np.random.Generator, half: float, start: float, end: float) -> list[Patch]:
    """A street that crosses between start and end, outside the carriageway."""
    texture = Texture(mottled(rng, np.full(3, rng.uniform(85, 120)), 128, 128, 0.08, 3.0))
    return [
        Patch(
            (side * half, 0, end),
            (side * 60, 0, 0),
            (0, 0, start - end),
            texture,
            ROAD,
            repeat=(16, 3),
        )
        for side in (-1, 1)
    ]


def pavement(
    rng: np.random.Generator,
    texture: Texture,
    side: int,
    half: float,
    width: float,
    start: float,
    end: float,
    verge: bool,
) -> list[Patch]:
    """A raised pavement beside the road with its kerb, and what lies behind it."""
    length, edge = end - start, side * half
    tall = Patch(
        (edge, KERB, start),
        (0, 0, length),
        (0, -KERB, 0),
        texture,
        PAVEMENT,
        repeat=(length / 2.4, 0.05),
    )
    walk = Patch(
        (edge, KERB, end),
        (side * width, 0, 0),
        (0, 0, -length),
        texture,
        PAVEMENT,
        repeat=(width / 2.4, length / 2.4),
    )
    behind = Patch(
        (edge + side * width, KERB, end),
        (side * 60, 0, 0),
        (0, 0, -length),
        grass(rng) if verge else texture,
        TREE if verge else PAVEMENT,
        repeat=(20, length / 3),
    )
    return [walk, tall, behind]
