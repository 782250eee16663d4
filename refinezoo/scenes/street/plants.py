"""Trees in leaf and bare, hedges, grass."""

from functools import cache

import cv2
import numpy as np

from refinezoo.scenes.street.classes import TREE
from refinezoo.scenes.street.light import Caster
from refinezoo.scenes.street.raster import Cylinder, Patch
from refinezoo.scenes.street.textures import Texture, cut_out, mottled, noise_like, with_alpha

LEAVES = [(78, 96, 48), (60, 82, 45), (100, 108, 55), (52, 70, 48), (110, 95, 55)]
KINDS = 10
BARK = [(82, 72, 60), (100, 92, 80), (64, 56, 48), (115, 105, 92)]


@cache
def crown(number: int) -> Texture:
    """One of the round crowns of leaves, RGBA 128 x 128."""
    rng = np.random.default_rng([13, number])
    grid = np.mgrid[-1:1:128j, -1:1:128j].astype(np.float32)
    lumps = noise_like(rng, 128, 128, 0.6) * 0.22 + noise_like(rng, 128, 128, 2.0) * 0.12
    distance = np.hypot(grid[1], grid[0] * 1.05) + lumps
    rim = 1 - np.abs(grid).max(axis=0)  # no leaf is cut off by the image's edge
    density = np.clip(np.minimum((0.82 - distance) * 4, rim * 12 - 0.5), 0, 1)
    holes = noise_like(rng, 128, 128, 1.6) > 1.5
    alpha = (density * 255 * ~holes).astype(np.uint8)
    rgb = mottled(rng, LEAVES[rng.integers(len(LEAVES))], 128, 128, 0.28, 1.4)
    lit = 1.15 - 0.4 * (grid[0] + 1) / 2
    return with_alpha(np.clip(rgb * lit[..., None], 0, 255).astype(np.uint8), alpha)


@cache
def bare_crown(number: int) -> Texture:
    """One of the crowns without leaves, RGBA 128 x 128; its stem enters below, in the middle."""
    rng = np.random.default_rng([14, number])
    rgb, alpha = cut_out(128, 128)
    rgb[:] = BARK[rng.integers(len(BARK))]
    twigs = [(64.0, 128.0, -np.pi / 2, 26.0, 4.0)]
    while twigs:
        x, y, angle, length, thick = twigs.pop()
        end = x + length * np.cos(angle), y + length * np.sin(angle)
        a, b = (int(x * 8), int(y * 8)), (int(end[0] * 8), int(end[1] * 8))
        cv2.line(alpha, a, b, 255 if thick > 1 else 150, max(1, round(thick)), cv2.LINE_AA, 3)
        if length > 4:
            for turn in rng.uniform(-0.75, 0.75, 3 if length > 8 else 2):
                twigs.append((*end, angle + turn, length * rng.uniform(0.62, 0.82), thick * 0.62))
    return with_alpha(rgb, alpha)


class Grove:
    """The trees of a scene: a few crowns, used at different sizes and tints.

    Args:
        rng: of the draw.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        winter = rng.random() < 0.5
        count = 3
        self.leafy = [crown(int(k)) for k in rng.choice(KINDS, count, replace=False)]
        self.bare = [bare_crown(int(k)) for k in rng.choice(KINDS, count, replace=False)]
        self.bare = self.bare if winter else []
        self.bark = Texture(mottled(rng, BARK[rng.integers(len(BARK))], 64, 32, 0.2, 2.0))

    def tree(self, x: float, z: float, height: float) -> tuple[list, Caster]:
        """Surfaces and shadow of a tree at (x, z), `height` metres high."""
        rng = self.rng
        bare = bool(self.bare) and rng.random() < 0.6
        stem = height * (0.3 if bare else rng.uniform(0.2, 0.35))
        trunk = Cylinder(
            (x, 0.0, z), max(0.06, height * 0.018), stem * 1.25, self.bark, TREE, repeat=(1, 3)
        )
        spread = (height - stem) * rng.uniform(0.9, 1.25)
        surfaces: list = [trunk]
        pool = self.bare if bare else self.leafy
        for k in range(2 if bare else 3):
            texture = pool[rng.integers(len(pool))]
            size = spread * (1 - 0.2 * k)
            tall = (height - stem) * (1 - 0.12 * k)
            mirrored = 1 if rng.random() < 0.5 else -1
            shift = 0 if bare else rng.uniform(-0.2, 0.2) * spread
            tint = np.full(3, rng.uniform(0.75, 1.1))
            surfaces.append(
                Patch(
                    (x + shift - mirrored * size / 2, stem + tall, z + (0.3 - 0.3 * k) * spread),
                    (mirrored * size, 0, 0),
                    (0, -tall, 0),
                    texture,
                    TREE,
                    colour=tint,
                    flat=True,
                )
            )
        r = spread * 0.4
        corners = np.array([(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 8)])
        caster = Caster(corners * r + (x, z), height * 0.8, 0.25 if bare else 0.7)
        return surfaces, caster

    def hedge(self, side: int, x: float, start: float, end: float, height: float) -> list[Patch]:
        """A hedge along the street, its front at x."""
        leaf = mottled(self.rng, LEAVES[self.rng.integers(len(LEAVES))], 64, 64, 0.3, 1.6)
        texture = Texture(leaf)
        length = end - start
        return [
            Patch(
                (x, height, start),
                (0, 0, length),
                (0, -height, 0),
                texture,
                TREE,
                repeat=(length / 2, 1),
            ),
            Patch((x, height, start), (side * 1.0, 0, 0), (0, -height, 0), texture, TREE),
            Patch(
                (x + side, height, start),
                (0, 0, length),
                (-side, 0, 0),
                texture,
                TREE,
                repeat=(length / 2, 1),
            ),
        ]


def grass(rng: np.random.Generator) -> Texture:
    """Turf; CamVid counts it among the trees (vegetation)."""
    return Texture(mottled(rng, (88, 100, 58), 128, 128, 0.18, 2.0))
