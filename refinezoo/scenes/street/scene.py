"""Surfaces under a light, and the frames that a camera takes of them."""

from dataclasses import dataclass

import numpy as np

from refinezoo.scenes.street.camera import Camera
from refinezoo.scenes.street.classes import SKY
from refinezoo.scenes.street.light import (
    SHADOW_AREA,
    SHADOW_CELLS,
    Caster,
    Light,
    expose,
    ground_light,
)
from refinezoo.scenes.street.raster import ZBuffer


@dataclass
class Frame:
    """One rendered frame; every array comes from the same z-buffer.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        mask: uint8 [H, W], class ids (`CLASS_NAMES`).
        depth_m: float32 [H, W], metres along the optical axis, 0 = no surface (sky, own bonnet).
        instance: int32 [H, W], number of the object seen, 0 = none.
    """

    image: np.ndarray
    mask: np.ndarray
    depth_m: np.ndarray
    instance: np.ndarray


class Scene:
    """Surfaces and light; `render` looks at them through a camera.

    Attributes:
        surfaces: patches and cylinders.
        casters: what throws shadows.
        light: of the scene.

    Args:
        light: of the scene.
        seed: of the sensor's noise.
    """

    def __init__(self, light: Light, seed: tuple[int, ...]) -> None:
        self.light, self.seed = light, seed
        self.surfaces: list = []
        self.casters: list[Caster] = []
        self.instances = 0

    def new_instance(self, count: int = 1) -> int:
        """The first of `count` new numbers of objects."""
        self.instances += count
        return self.instances - count + 1

    def render(self, camera: Camera) -> Frame:
        """The frame that `camera` sees; the same camera gives the same bytes."""
        buffer = ZBuffer(camera, self.light)
        buffer.draw(self.surfaces)
        colour, known = buffer.colour, buffer.inverse_depth > 0
        xs, ys = camera.rays()
        xs, ys, axes = xs.astype("f4"), ys.astype("f4"), camera.axes.astype("f4")
        dx, dy, dz = (r[0] * xs[None] + (r[1] * ys + r[2])[:, None] for r in axes)
        depth = np.where(known, 1.0 / np.where(known, buffer.inverse_depth, 1), 0).astype("float32")
        self._shadow(buffer, camera, depth, dx, dz)
        clear = np.exp(depth * np.float32(-1 / self.light.haze))[..., None]
        colour = colour * clear + self.light.horizon.astype(np.float32) * (1 - clear)
        x, y, z = (part[~known] for part in (dx, dy, dz))
        colour[~known] = self.light.background(y / np.hypot(x, z), np.arctan2(x, z))
        mask = np.where(known, buffer.class_id, SKY).astype(np.uint8)
        rng = np.random.default_rng([*self.seed, 3])
        image = expose(self.light, colour, rng)
        return Frame(image, mask, depth, buffer.instance)

    def _shadow(self, buffer: ZBuffer, camera: Camera, depth, dx, dz) -> None:
        """Darkens the ground where the sun or the sky is hidden."""
        i, j = np.nonzero(buffer.level)
        if not len(i):
            return
        sun, sky = ground_light(self.light, self.casters)
        x = camera.position[0] + depth[i, j] * dx[i, j] - SHADOW_AREA[0]
        z = camera.position[2] + depth[i, j] * dz[i, j] - SHADOW_AREA[2]
        column = np.clip((x * SHADOW_CELLS).astype(int), 0, sun.shape[1] - 1)
        row = np.clip((z * SHADOW_CELLS).astype(int), 0, sun.shape[0] - 1)
        up = np.array([0.0, 1.0, 0.0])
        full = self.light.shade(up)
        direct = full - self.light.ambient
        lit = self.light.ambient * sky[row, column][:, None] + direct * sun[row, column][:, None]
        buffer.colour[i, j] *= (lit / full).astype(np.float32)

    def add(self, thing) -> None:
        """Takes over the surfaces and the shadow of a house, vehicle or person."""
        self.surfaces += thing.surfaces
        self.casters.append(thing.caster)
