"""Sun, sky, shadows on the ground, haze, and the sensor."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from refinezoo.scenes.street.textures import fractal_noise

GRAIN = 256
SHADOW_CELLS = 6.0  # per metre
SHADOW_AREA = (-40.0, 40.0, -10.0, 90.0)  # metres: x from, to, z from, to


@dataclass
class Light:
    """The light of a scene.

    Attributes:
        sun: unit vector towards the sun, world.
        direct: RGB factor of a surface that faces the sun.
        ambient: RGB factor of the sky's light.
        sky: RGB of the sky above, 0 to 255.
        horizon: RGB of the sky at the horizon and of the haze.
        clouds: share of white, 0 to 1.
        haze: metres over which 63 % of the contrast is lost.
        noise: deviation of the sensor's noise, grey levels.
        blur: sigma of the lens, pixels.
        gain: exposure.
        gamma: of the tone curve, over 1 darkens the middle.
    """

    sun: np.ndarray
    direct: np.ndarray
    ambient: np.ndarray
    sky: np.ndarray
    horizon: np.ndarray
    clouds: float = 0.5
    haze: float = 400.0
    noise: float = 2.0
    blur: float = 0.5
    gain: float = 1.0
    gamma: float = 1.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Light":
        """Daylight between clear and overcast."""
        elevation, azimuth = rng.uniform(0.3, 1.1), rng.uniform(-np.pi, np.pi)
        overcast = rng.beta(0.8, 0.8)
        warm = rng.uniform(0, 1) * (1.1 - elevation)
        direct = np.array([1.0, 0.95 - 0.08 * warm, 0.88 - 0.25 * warm]) * 0.75 * (1 - overcast)
        ambient = np.array([0.92, 0.97, 1.06]) * (0.5 + 0.3 * overcast)
        blue = np.array([120, 165, 220]) * rng.uniform(0.8, 1.1)
        white = np.full(3, rng.uniform(190, 255)) * np.array([0.97, 0.99, 1.0])
        sky = blue * (1 - overcast) + white * overcast
        return cls(
            sun=np.array(
                [
                    np.cos(elevation) * np.sin(azimuth),
                    np.sin(elevation),
                    np.cos(elevation) * np.cos(azimuth),
                ]
            ),
            direct=direct,
            ambient=ambient,
            sky=sky,
            horizon=0.35 * sky + 0.65 * np.array([238, 240, 243]),
            clouds=float(rng.uniform(0, 1)),
            haze=float(rng.uniform(150, 900)),
            noise=float(rng.uniform(1, 5)),
            blur=float(rng.uniform(0.45, 0.75)),
            gain=float(rng.uniform(0.9, 1.3)),
            gamma=float(rng.uniform(0.85, 1.4)),
        )

    def shade(self, normal: np.ndarray | None) -> np.ndarray:
        """RGB factors of surfaces with unit normals [..., 3]; None is a thing without sides."""
        if normal is None:
            return self.ambient * 0.85 + self.direct * 0.5
        facing = np.maximum(normal @ self.sun, 0.0)[..., None]
        open_sky = 0.8 + 0.2 * normal[..., 1:2]
        return self.ambient * open_sky + self.direct * facing

    def background(self, rays_up: np.ndarray, rays_side: np.ndarray) -> np.ndarray:
        """The sky along rays: float32 [N, 3].

        Args:
            rays_up: rise of the ray over its horizontal length, [N].
            rays_side: its compass direction, radians, [N].
        """
        rise = np.clip(rays_up, 0, 1)[..., None].astype(np.float32)
        colour = self.horizon + (self.sky - self.horizon) * np.minimum(rise * 1.6, 1.0)
        noise = fractal_noise(1, 0.5)
        row = (120 / (np.clip(rays_up, 0.02, None) + 0.25)).astype(np.int32) & 255
        column = (rays_side * 90).astype(np.int32) & 255
        cover = np.clip((noise[row, column] + 2.4 * self.clouds - 1.4) * 0.6, 0, 1)
        cloud = np.minimum(self.horizon * 1.06, 255) * (1 - 0.12 * noise[column, row])[..., None]
        return (colour + (cloud - colour) * cover[..., None]).astype(np.float32)


@dataclass
class Caster:
    """What throws a shadow on the ground: a footprint [N, 2] of (x, z) and a height, metres."""

    footprint: np.ndarray
    height: float
    density: float = 1.0


def ground_light(light: Light, casters: Sequence[Caster]) -> tuple[np.ndarray, np.ndarray]:
    """Seen from above: the share of sun and of sky that reaches the ground, float32 [Z, X] each."""
    west, east, south, north = SHADOW_AREA
    shape = (int((north - south) * SHADOW_CELLS), int((east - west) * SHADOW_CELLS))
    sun, sky = np.ones(shape, np.float32), np.ones(shape, np.float32)
    shift = -light.sun[[0, 2]] / max(light.sun[1], 0.15)

    def cells(points):
        return np.round((points - (west, south)) * SHADOW_CELLS).astype(np.int32)

    # Leaves first: what walls hide stays dark.
    for caster in sorted(casters, key=lambda caster: caster.density):
        foot = np.asarray(caster.footprint, np.float64)
        both = np.concatenate([foot, foot + shift * caster.height])
        cv2.fillConvexPoly(sun, cv2.convexHull(cells(both)), 1 - caster.density)
        if caster.height < 4:
            centre = foot.mean(axis=0)
            cv2.fillConvexPoly(sky, cv2.convexHull(cells(centre + (foot - centre) * 1.1)), 0.35)
    return cv2.GaussianBlur(sun, (0, 0), 0.9), cv2.GaussianBlur(sky, (0, 0), 1.6)


@cache
def _grain() -> np.ndarray:
    """Noise of a sensor, of which each frame takes a piece: float32, deviation about 1."""
    rng = np.random.default_rng(17)
    shape = (4 * GRAIN, 4 * GRAIN)
    grey = 0.8 * rng.standard_normal((*shape, 1), np.float32)
    return grey + 0.5 * rng.standard_normal((*shape, 3), np.float32)


def expose(light: Light, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the sensor makes of float32 [H, W, 3]: uint8 of the same shape."""
    colour = cv2.GaussianBlur(colour, (0, 0), light.blur) if light.blur else colour
    colour = np.clip(colour * (light.gain / 255), 0, 1) ** light.gamma * 255
    if light.noise:
        height, width = colour.shape[:2]
        row, column = rng.integers(0, GRAIN, 2)
        grain = _grain()[row:, column:][:height, :width]
        colour += (
            light.noise
            * np.tile(grain, (-(-height // len(grain)), -(-width // grain.shape[1]), 1))[
                :height, :width
            ]
        )
    return np.clip(colour + 0.5, 0, 255).astype(np.uint8)
