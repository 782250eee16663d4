"""A street as a driver sees it: what stands where."""

import numpy as np

from refinezoo.data.image_size import ImageSize, height_and_width
from refinezoo.scenes.street.buildings import House
from refinezoo.scenes.street.camera import Camera
from refinezoo.scenes.street.classes import TREE, VOID
from refinezoo.scenes.street.furniture import (
    bin_or_box,
    fence,
    lamp_post,
    pole,
    sign,
    traffic_light,
)
from refinezoo.scenes.street.light import Light
from refinezoo.scenes.street.people import Person
from refinezoo.scenes.street.plants import Grove, grass
from refinezoo.scenes.street.raster import Patch
from refinezoo.scenes.street.road import KERB, carriageway, pavement, paving, side_street
from refinezoo.scenes.street.scene import Frame, Scene
from refinezoo.scenes.street.vehicles import Vehicle, own_bonnet


class StreetScene(Scene):
    """A random street from a driver's seat, laid out like the training photos of CamVid.

    Args:
        seed: a whole number or several; the same seed gives the same street.
    """

    def __init__(self, seed: int | tuple[int, ...]) -> None:
        seeds = (seed,) if isinstance(seed, int) else tuple(seed)
        rng = np.random.default_rng([*seeds, 1])
        super().__init__(Light.draw(rng), seeds)
        self.rng = rng
        self.grove = Grove(rng)
        self.half = float(rng.uniform(3.2, 6.0))
        self.end = float(rng.choice([60.0, 90.0, 140.0]) + rng.uniform(0, 20))
        self.taken: list[tuple[float, float, float, float]] = []
        self.bonnet = bool(rng.random() < 0.4)
        self._lay_ground()
        for side in (-1, 1):
            self._line(side)
            self._furnish(side)
            self._park(side)
        self._close()
        self._drive()

    def camera(self, image_size: ImageSize) -> Camera:
        """The driver's camera: height, pitch, focal length and lane vary with the seed."""
        rng = np.random.default_rng([*self.seed, 2])
        height, width = height_and_width(image_size)
        return Camera(
            (height, width),
            float(width * rng.uniform(0.8, 1.15)),
            (float(rng.uniform(-0.65, 0.1) * self.half), float(rng.uniform(1.25, 1.75)), 0.0),
            float(rng.normal(0, 0.06)),
            float(rng.normal(0.015, 0.025)),
        )

    def render(self, camera: Camera) -> Frame:
        """The frame that `camera` sees, perhaps with the bonnet of one's own car (void)."""
        frame = super().render(camera)
        if self.bonnet:
            inside, image = own_bonnet(frame.image.shape[:2], 0.07 + 0.03 * np.sin(self.half * 7))
            frame.image[inside] = image[inside]
            frame.mask[inside], frame.depth_m[inside], frame.instance[inside] = VOID, 0, 0
        return frame

    def plant(self, x: float, z: float, height: float) -> None:
        """A tree."""
        surfaces, caster = self.grove.tree(x, z, height)
        self.surfaces += surfaces
        self.casters.append(caster)

    def _lay_ground(self) -> None:
        rng, half = self.rng, self.half
        self.crossing = (0.0, 0.0)
        if rng.random() < 0.4:
            z = rng.uniform(12, 45)
            self.crossing = (z, z + rng.uniform(7, 12))
            self.surfaces += side_street(rng, half, *self.crossing)
        self.surfaces += carriageway(rng, half, -6.0, self.end)
        ground = Patch(
            (-150, -0.05, self.end + 60),
            (300, 0, 0),
            (0, 0, -self.end - 70),
            grass(rng),
            TREE,
            repeat=(100, 50),
        )
        self.surfaces.append(ground)  # seen through gaps
        slabs = paving(rng)
        self.walk, self.green = {}, {}
        for side in (-1, 1):
            self.walk[side] = float(rng.uniform(1.3, 3.4))
            self.green[side] = bool(rng.random() < 0.3)
            for start, end in self._open(-6.0, self.end):
                self.surfaces += pavement(
                    rng, slabs, side, half, self.walk[side], start, end, self.green[side]
                )

    def _open(self, start: float, end: float) -> list[tuple[float, float]]:
        """The stretch without the side street."""
        a, b = self.crossing
        parts = [(start, min(end, a)), (max(start, b), end)] if b else [(start, end)]
        return [(p, q) for p, q in parts if q - p > 1]

    def _line(self, side: int) -> None:
        """Houses, or trees behind fences and hedges, along one side."""
        rng = self.rng
        edge = side * (self.half + self.walk[side])
        for start, end in self._open(-4.0, self.end):
            z = start
            tall = rng.uniform(5.5, 13)
            while z < end - 3:
                length = min(float(rng.uniform(5, 18)), end - z)
                if rng.random() < (0.3 if self.green[side] else 0.88):
                    back = rng.choice([0.0, 0.0, rng.uniform(2, 9)])
                    back += rng.uniform(4, 14) if self.green[side] else 0.0
                    tall = np.clip(tall + rng.normal(0, 1.2), 3.5, 15)
                    self.add(
                        House(
                            rng,
                            side,
                            edge + side * back,
                            z,
                            length,
                            tall,
                            rng.uniform(7, 12),
                            z > 55,
                        )
                    )
                    if back > 1.5:
                        self._border(side, edge, z, z + length)
                else:
                    self._border(side, edge, z, z + length)
                    for _ in range(rng.integers(1, 4)):
                        self.plant(
                            edge + side * rng.uniform(1.5, 9),
                            z + rng.uniform(0, length),
                            rng.uniform(4, 13),
                        )
                z += length

    def _border(self, side: int, edge: float, start: float, end: float) -> None:
        kind = self.rng.random()
        if kind < 0.45:
            self.surfaces += fence(self.rng, edge, start, end)
        elif kind < 0.75:
            height = self.rng.uniform(0.8, 2.2)
            self.surfaces += self.grove.hedge(side, edge, start, end, height)

    def _furnish(self, side: int) -> None:
        rng = self.rng
        kerb, wall = self.half + 0.4, self.half + self.walk[side] - 0.3
        for z in np.arange(rng.uniform(5, 25), self.end, rng.uniform(22, 38)):
            self.surfaces += lamp_post(rng, side, side * kerb, z, self.new_instance())
        for _ in range(rng.poisson(3.2)):
            x, z = side * rng.uniform(kerb, max(kerb, wall)), _near(rng, 6, 60)
            make = traffic_light if rng.random() < 0.25 else sign
            self.surfaces += make(rng, x, z, self.new_instance(2))
        for _ in range(rng.poisson(1.4)):
            x, z = side * rng.uniform(kerb, max(kerb, wall)), _near(rng, 6, 40)
            self.surfaces += bin_or_box(rng, x, z)
        if rng.random() < 0.3:  # a row of bollards
            z = rng.uniform(6, 20)
            for k in range(rng.integers(2, 7)):
                self.surfaces.append(pole(side * kerb, z + 1.5 * k, 1.0, self.new_instance()))
        if rng.random() < 0.35:
            for z in np.arange(rng.uniform(6, 20), self.end, rng.uniform(9, 20)):
                self.plant(side * (kerb + 0.4), z, rng.uniform(4, 9))
        for _ in range(rng.poisson(2.2)):
            x, z = side * rng.uniform(kerb, max(kerb, wall)), _near(rng, 5, 50)
            self.add(Person(rng, x, z, self.new_instance(), KERB))

    def _park(self, side: int) -> None:
        rng = self.rng
        if self.half < 4.2 or rng.random() > 0.75:
            return
        z = rng.uniform(8, 25)
        while z < min(self.end, 80):
            if rng.random() < 0.7 and not self.crossing[0] - 4 < z < self.crossing[1] + 4:
                heading = 0.0 if side < 0 else np.pi
                self._vehicle(side * (self.half - 1.05), z, heading + rng.normal(0, 0.03))
            z += rng.uniform(5.5, 9)

    def _drive(self) -> None:
        rng = self.rng
        lane = self.half / 2
        for x, heading, mean in ((-lane * 0.8, 0.0, 1.1), (lane * 0.7, np.pi, 1.5)):
            z = rng.uniform(9, 22)
            for _ in range(rng.poisson(mean)):
                self._vehicle(x, z, heading + rng.normal(0, 0.05))
                z += rng.uniform(8, 25)
        if self.crossing[1] and rng.random() < 0.3:
            x, z = rng.uniform(-8, 8), float(np.mean(self.crossing))
            self._vehicle(x, z, np.pi / 2 * rng.choice([-1, 1]))
        for _ in range(rng.poisson(0.8)):
            x, z = rng.uniform(-1, 1) * self.half * 0.9, _near(rng, 6, 35)
            self._person(x, z, "along" if rng.random() < 0.6 else "across")
        if rng.random() < 0.15:
            self._person(rng.uniform(-1, 1) * self.half, _near(rng, 7, 30), "")

    def _vehicle(self, x: float, z: float, heading: float) -> None:
        """A vehicle, unless another stands there."""
        vehicle = Vehicle(self.rng, x, z, heading, self.new_instance())
        west, south = vehicle.footprint.min(axis=0) - 0.2
        east, north = vehicle.footprint.max(axis=0) + 0.2
        if self._free(west, south, east, north) and south > 4:
            self.taken.append((west, south, east, north))
            self.add(vehicle)

    def _person(self, x: float, z: float, cycling: str) -> None:
        if self._free(x - 0.5, z - 0.3, x + 0.5, z + 0.3):
            self.add(Person(self.rng, x, z, self.new_instance(), cycling=cycling))

    def _free(self, west: float, south: float, east: float, north: float) -> bool:
        return all(east < a or c < west or north < b or d < south for a, b, c, d in self.taken)

    def _close(self) -> None:
        """What ends the view: houses or trees across the street."""
        rng = self.rng
        for x in np.arange(-90, 90, 14.0):
            if rng.random() < 0.5:
                house = House(rng, 1, 0.0, 0.0, 14.0, rng.uniform(4, 11), 9.0, True)
                for patch in house.surfaces:  # turned to face the camera
                    for name in ("origin", "u", "v"):
                        a, b, c = getattr(patch, name)
                        setattr(patch, name, (c, b, a))
                    patch.origin = (
                        patch.origin[0] + x,
                        patch.origin[1],
                        patch.origin[2] + self.end,
                    )
                self.surfaces += house.surfaces
            else:
                self.surfaces += self.grove.tree(
                    x, self.end + rng.uniform(0, 5), rng.uniform(6, 14)
                )[0]
                self.surfaces += self.grove.hedge(1, x, self.end, self.end + 1, 2.0)


def _near(rng: np.random.Generator, low: float, high: float) -> float:
    """A distance, near ones more often: those are what an image is filled with."""
    return float(low * (high / low) ** rng.random())
