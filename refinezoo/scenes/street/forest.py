"""A field of trunks and walls to fly through: rendered, and asked for collisions."""

import numpy as np

from refinezoo.data.image_size import ImageSize, height_and_width
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.scenes.street.buildings import BRICK, wall
from refinezoo.scenes.street.camera import Camera
from refinezoo.scenes.street.classes import BUILDING, ROAD, TREE
from refinezoo.scenes.street.light import Caster, Light
from refinezoo.scenes.street.plants import BARK, LEAVES, crown
from refinezoo.scenes.street.raster import Cylinder, Patch
from refinezoo.scenes.street.scene import Scene
from refinezoo.scenes.street.textures import Texture, mottled

LENGTH, HALF_WIDTH = 60.0, 20.0  # metres
START_CLEAR = 5.0  # metres around the start without obstacles
FIELD_OF_VIEW = 80.0  # degrees, horizontal
LOOKS = ("plain", "rich")
PLAIN_SOIL = [(96, 132, 74), (140, 146, 120), (112, 112, 112), (150, 128, 96)]
PLAIN_BARK = [(122, 92, 62), (150, 130, 104), (84, 84, 88), (112, 70, 52)]
RICH_SOIL = [(112, 88, 58), (96, 84, 66), (128, 112, 70)]


class ForestWorld(Scene):
    """Trunks (upright cylinders) and walls (upright boxes) on flat ground, z from 0 to 60 m.

    What stands where depends on the seed alone, not on the look. The mask says tree for trunks and
    leaves, building for walls, and road for the ground, over which one may fly.

    Args:
        seed: a whole number or several; the same seed gives the same world.
        look: "plain", as a simulator draws it: colours with little texture, no haze, no noise; or
            "rich": bark, bricks and litter in other colours, low sun or overcast, haze, noise and
            blur. Both are drawn, none is a photo.
        density: trunks per square metre.

    Attributes:
        trunks: float64 [N, 3], x, z and radius, metres.
        walls: float64 [M, 5], x and z of the middle, half length, half thickness, metres, and the
            angle of the length from +x to +z, radians.

    Raises:
        RefinezooError: an unknown look.
    """

    def __init__(
        self, seed: int | tuple[int, ...], *, look: str = "plain", density: float = 0.06
    ) -> None:
        if look not in LOOKS:
            raise RefinezooError(
                f"expected look to be one of {', '.join(LOOKS)}, received {look!r}."
                + did_you_mean(look, LOOKS)
            )
        seeds = (seed,) if isinstance(seed, int) else tuple(seed)
        self.look = look
        where = np.random.default_rng([*seeds, 4])
        rng = np.random.default_rng([*seeds, 5, LOOKS.index(look)])
        super().__init__(_light(rng, look), seeds)
        self.walls = _walls(where)
        self.trunks = _trunks(where, density, self.walls)
        self._draw(rng)

    def camera(
        self, image_size: ImageSize, x: float, z: float, heading: float, height: float = 1.5
    ) -> Camera:
        """A level camera of 80 degrees.

        Args:
            image_size: height and width, or one side, pixels.
            x: metres.
            z: metres.
            heading: radians to the right of +z.
            height: metres.
        """
        size = height_and_width(image_size)
        focal = size[1] / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
        return Camera(size, float(focal), (x, height, z), heading)

    def random_camera(self, image_size: ImageSize) -> Camera:
        """A camera somewhere in the field where no obstacle is nearer than 0.6 m."""
        rng = np.random.default_rng([*self.seed, 6])
        while True:
            x, z = rng.uniform(-0.6, 0.6) * HALF_WIDTH, rng.uniform(0, LENGTH)
            if not self.collides(x, z, 0.6):
                return self.camera(image_size, float(x), float(z), float(rng.normal(0, 0.5)))

    def clearance(self, x: float, z: float) -> float:
        """Metres from (x, z) to the nearest trunk or wall; negative inside one."""
        to_trunk = np.hypot(self.trunks[:, 0] - x, self.trunks[:, 1] - z) - self.trunks[:, 2]
        return float(min(to_trunk.min(initial=np.inf), _to_walls(self.walls, x, z)))

    def collides(self, x: float, z: float, radius: float) -> bool:
        """Whether a disc of `radius` metres at (x, z) touches a trunk or a wall."""
        return self.clearance(x, z) < radius

    def _draw(self, rng: np.random.Generator) -> None:
        rich = self.look == "rich"
        rough = 0.28 if rich else 0.05
        soil = RICH_SOIL if rich else PLAIN_SOIL
        ground = mottled(
            rng,
            np.array(soil[rng.integers(len(soil))]) * rng.uniform(0.8, 1.2),
            256,
            256,
            rough,
            1.6,
        )
        self.surfaces.append(
            Patch((-150, 0, 210), (300, 0, 0), (0, 0, -300), Texture(ground), ROAD, repeat=(60, 60))
        )
        colours = np.array(BARK if rich else PLAIN_BARK)
        barks = []
        for _ in range(3):
            colour = colours[rng.integers(len(colours))] * rng.uniform(0.6, 1.3)
            bark = mottled(rng, colour, 128, 64, rough, 1.4)
            if rich:
                bark[:, ::8] = bark[:, ::8] * 0.6
            barks.append(Texture(bark))
        crowns = rng.choice(10, 3, replace=False)
        for x, z, radius in self.trunks:
            tint = np.full(3, rng.uniform(0.8, 1.2))
            height = rng.uniform(7, 12)
            self.surfaces.append(
                Cylinder(
                    (x, 0.0, z),
                    radius,
                    height,
                    barks[rng.integers(3)],
                    TREE,
                    colour=tint,
                    repeat=(1, 6),
                )
            )
            spread, leaf = rng.uniform(3, 5), np.array(LEAVES[0]) / LEAVES[rng.integers(3)]
            self.surfaces.append(
                Patch(
                    (x - spread / 2, height + 2, z),
                    (spread, 0, 0),
                    (0, -spread, 0),
                    crown(int(crowns[rng.integers(3)])),
                    TREE,
                    colour=leaf,
                    flat=True,
                )
            )
            foot = np.array([(x + a * radius, z + b * radius) for a in (-1, 1) for b in (-1, 1)])
            self.casters.append(Caster(foot, 6.0, 0.8))
        for x, z, half, thin, angle in self.walls:
            self._wall(rng, x, z, half, thin, angle, rich)
        self._edge(rng, rich)

    def _wall(self, rng, x, z, half, thin, angle, rich) -> None:
        colour = BRICK[rng.integers(len(BRICK))] if rich else (178, 172, 165)
        kind = "brick" if rich else "plaster"
        texture = Texture(wall(rng, kind, np.array(colour) * rng.uniform(0.8, 1.15), 64, 64))
        height = rng.uniform(3, 4.5)
        along = np.array([np.cos(angle), 0.0, np.sin(angle)]) * half
        across = np.array([-np.sin(angle), 0.0, np.cos(angle)]) * thin
        middle, up = np.array([x, height, z]), np.array([0.0, -height, 0.0])
        for out, side in ((across, along), (-across, along), (along, across), (-along, across)):
            repeat = (max(1.0, float(np.linalg.norm(side))), 2.0)
            self.surfaces.append(
                Patch(middle + out - side, 2 * side, up, texture, BUILDING, repeat=repeat)
            )
        corners = [middle + a * along + b * across for a in (-1, 1) for b in (-1, 1)]
        self.casters.append(Caster(np.array([(p[0], p[2]) for p in corners]), height))

    def _edge(self, rng: np.random.Generator, rich: bool) -> None:
        """The forest's edge around the field, far outside of it."""
        colour = np.array(LEAVES[rng.integers(len(LEAVES))]) * (0.7 if rich else 0.95)
        texture = Texture(mottled(rng, colour, 256, 256, 0.3 if rich else 0.08, 1.2))
        near, far, side = -40.0, LENGTH + 40.0, HALF_WIDTH + 30.0
        for origin, u in (
            ((-side, 11, far), (2 * side, 0, 0)),
            ((-side, 11, near), (2 * side, 0, 0)),
            ((-side, 11, near), (0, 0, far - near)),
            ((side, 11, near), (0, 0, far - near)),
        ):
            self.surfaces.append(Patch(origin, u, (0, -11, 0), texture, TREE, repeat=(8, 1)))


def _walls(rng: np.random.Generator) -> np.ndarray:
    """Six walls, each in its own stretch of the field, none across the start."""
    rows = []
    for k in range(6):
        z = 8 + (LENGTH - 8) * (k + rng.uniform(0.2, 0.8)) / 6
        rows.append(
            (
                rng.uniform(-0.6, 0.6) * HALF_WIDTH,
                z,
                rng.uniform(1.2, 3.0),
                0.15,
                rng.uniform(-0.7, 0.7),
            )
        )
    return np.array(rows)


def _trunks(rng: np.random.Generator, density: float, walls: np.ndarray) -> np.ndarray:
    """Trunks at least 2.2 m from each other and 1.8 m from walls: one can always pass."""
    rows: list[tuple[float, float, float]] = []
    for _ in range(int(density * LENGTH * 2 * HALF_WIDTH)):
        x, z = rng.uniform(-HALF_WIDTH, HALF_WIDTH), rng.uniform(0, LENGTH)
        radius = rng.uniform(0.12, 0.35)
        near = np.array(rows).reshape(-1, 3)
        apart = np.hypot(near[:, 0] - x, near[:, 1] - z).min(initial=np.inf)
        if apart > 2.2 and np.hypot(x, z) > START_CLEAR and _to_walls(walls, x, z) > 1.8:
            rows.append((x, z, radius))
    return np.array(rows).reshape(-1, 3)


def _to_walls(walls: np.ndarray, x: float, z: float) -> float:
    """Metres to the nearest wall, negative inside."""
    dx, dz = x - walls[:, 0], z - walls[:, 1]
    cos, sin = np.cos(walls[:, 4]), np.sin(walls[:, 4])
    out = np.abs(np.stack([dx * cos + dz * sin, dz * cos - dx * sin])) - walls[:, 2:4].T
    beyond = np.hypot(*np.maximum(out, 0)) + np.minimum(out.max(axis=0), 0)
    return float(beyond.min(initial=np.inf))


def _light(rng: np.random.Generator, look: str) -> Light:
    light = Light.draw(rng)
    if look == "plain":
        light.noise, light.blur, light.haze = 0.5, 0.3, 2000.0
        light.gain, light.gamma = float(rng.uniform(0.9, 1.2)), 1.0
        return light
    warm = rng.uniform(0, 1)
    light.direct = light.direct * np.array([1.1, 0.95, 0.75]) * (0.6 + 0.6 * warm)
    light.ambient = light.ambient * np.array([1.0, 0.97, 0.9 + 0.15 * (1 - warm)])
    light.horizon = light.horizon * np.array([1.0, 0.96, 0.9])
    light.haze, light.noise = float(rng.uniform(25, 120)), float(rng.uniform(4, 10))
    light.blur = float(rng.uniform(0.5, 1.0))
    light.gain, light.gamma = float(rng.uniform(0.7, 1.2)), float(rng.uniform(0.9, 1.5))
    return light
