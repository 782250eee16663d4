"""The z-buffer: textured parallelograms and upright cylinders, one depth test for every output.

A parallelogram p + s a + t b (camera axes) is seen along the ray z d where M (s, t, 1) = z d with
M = [a b p]. So (s/z, t/z, 1/z) = M^-1 d: three functions that are linear in the pixel. They give
exact depth, the inside test and perspective-correct texture without clipping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from refinezoo.scenes.street.camera import NEAR, Camera
from refinezoo.scenes.street.light import Light
from refinezoo.scenes.street.textures import Texture, fractal_noise

# A surface must be this much nearer to win, so that paint drawn before its road stays on it.
NEARER = np.float32(1 + 1e-5)


@dataclass
class Patch:
    """A textured parallelogram.

    Attributes:
        origin: the corner that shows the texture's top left, world, metres.
        u: edge along the texture's width.
        v: edge along the texture's height.
        texture: repeated `repeat` times (along u, along v).
        class_id: of the mask.
        instance: number of the object it belongs to, 0 = none.
        colour: RGB factors.
        repeat: of the texture.
        flat: lit as an upright thing without sides (people, leaves), whatever its normal.
        paint: lies on another surface; drawn before it.
    """

    origin: Sequence[float] | np.ndarray
    u: Sequence[float] | np.ndarray
    v: Sequence[float] | np.ndarray
    texture: Texture
    class_id: int
    instance: int = 0
    colour: Sequence[float] | np.ndarray = (1.0, 1.0, 1.0)
    repeat: tuple[float, float] = (1.0, 1.0)
    flat: bool = False
    paint: bool = False


@dataclass
class Cylinder:
    """An upright cylinder without caps; attributes as those of `Patch`.

    Attributes:
        base: centre of its foot, world, metres.
        radius: metres.
        height: metres.
    """

    base: Sequence[float]
    radius: float
    height: float
    texture: Texture
    class_id: int
    instance: int = 0
    colour: Sequence[float] | np.ndarray = (1.0, 1.0, 1.0)
    repeat: tuple[float, float] = (1.0, 1.0)

    def corners(self) -> np.ndarray:
        """World [8, 3] of the box around it."""
        (x, y, z), r = self.base, self.radius
        return np.array(
            [
                (x + i * r, y + j * self.height, z + k * r)
                for i in (-1, 1)
                for j in (0, 1)
                for k in (-1, 1)
            ]
        )


class ZBuffer:
    """Draws surfaces; whatever is nearest at a pixel gives its colour, class, instance and depth.

    Attributes:
        colour: float32 [H, W, 3], lit, 0 to 255 and above.
        inverse_depth: float32 [H, W], 1 / metres along the optical axis, 0 = nothing.
        class_id: uint8 [H, W].
        instance: int32 [H, W].
        level: bool [H, W], a surface that faces up: where shadows fall.
    """

    def __init__(self, camera: Camera, light: Light) -> None:
        self.camera, self.light = camera, light
        shape = camera.image_size
        self.colour = np.zeros((*shape, 3), np.float32)
        self.inverse_depth = np.zeros(shape, np.float32)
        self.class_id = np.zeros(shape, np.uint8)
        self.instance = np.zeros(shape, np.int32)
        self.level = np.zeros(shape, bool)
        xs, ys = camera.rays()
        self._xs, self._ys = xs.astype(np.float32), ys.astype(np.float32)
        # Half-covered texels (leaves, railings far away) count or not by a fixed grain, not a mean.
        grain = fractal_noise(0, 4.0)
        self._grain = np.clip(128 + 40 * grain, 40, 215).astype(np.uint8)

    def draw(self, surfaces: Sequence[Patch | Cylinder]) -> None:
        """Draws all that may be seen, nearest first, paint before what it lies on."""
        order = self._patches([s for s in surfaces if isinstance(s, Patch)])
        order += self._cylinders([s for s in surfaces if isinstance(s, Cylinder)])
        for _, _, draw in sorted(order, key=lambda row: row[:2]):
            draw()

    def _patches(self, patches: list[Patch]) -> list[tuple]:
        """(after paint, least z, how to draw it) of each patch that may be seen."""
        if not patches:
            return []
        world = np.array([(patch.origin, patch.u, patch.v) for patch in patches], np.float64)
        world[:, 0] -= self.camera.position
        p, u, v = np.moveaxis(world @ self.camera.axes, 1, 0)
        boxes, near = self.camera.bounds(np.stack([p, p + u, p + v, p + u + v], axis=1))
        matrices = np.stack([u, v, p], axis=2)
        seen = (boxes[:, 1] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 2])
        seen &= np.abs(np.linalg.det(matrices)) > 1e-7  # else edge-on
        inverses = np.zeros_like(matrices, np.float32)
        inverses[seen] = np.linalg.inv(matrices[seen])
        lengths = np.linalg.norm(world[:, 1:], axis=2)
        normals = np.cross(world[:, 1], world[:, 2])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        middle = world[:, 0] + (world[:, 1] + world[:, 2]) / 2
        facing = (normals * middle).sum(1)
        normals *= -np.sign(facing)[:, None]
        slant = np.abs(facing) / np.linalg.norm(middle, axis=1)
        finer = 1 / (self.camera.focal * np.sqrt(np.maximum(slant, 0.06)))
        return [
            (
                not patches[k].paint,
                near[k],
                partial(
                    self._patch,
                    patches[k],
                    boxes[k],
                    inverses[k],
                    normals[k],
                    finer[k] / lengths[k],
                ),
            )
            for k in np.flatnonzero(seen)
        ]

    def _patch(self, patch: Patch, box, inverse, normal, finer) -> None:
        top, bottom, left, right = box
        xs, ys = self._xs[left:right], self._ys[top:bottom]
        behind = self.inverse_depth[top:bottom, left:right]

        def linear(row):
            return row[0] * xs[None] + (row[1] * ys + row[2])[:, None]

        w = linear(inverse[2])
        seen = w > behind * NEARER
        if not seen.any():
            return
        s, t = linear(inverse[0]), linear(inverse[1])
        seen &= (s >= 0) & (t >= 0) & (s <= w) & (t <= w)
        i, j = np.nonzero(seen)
        if not len(i):
            return
        w = w[i, j]
        z = 1.0 / w
        texture, (along, down) = patch.texture, patch.repeat
        texels = texture.sample(
            s[i, j] * (z * np.float32(along)),
            t[i, j] * (z * np.float32(down)),
            z * np.float32(max(along * texture.width * finer[0], down * texture.height * finer[1])),
        )
        lit = self.light.shade(None if patch.flat else normal) * np.asarray(patch.colour)
        level = not patch.flat and normal[1] > 0.99
        self._write(patch, i + top, j + left, w, texels, lit.astype(np.float32), level)

    def _cylinders(self, cylinders: list[Cylinder]) -> list[tuple]:
        if not cylinders:
            return []
        corners = np.array([thing.corners() for thing in cylinders])
        boxes, near = self.camera.bounds((corners - self.camera.position) @ self.camera.axes)
        return [
            (True, near[k], partial(self._cylinder, thing, boxes[k]))
            for k, thing in enumerate(cylinders)
            if boxes[k, 1] > boxes[k, 0] and boxes[k, 3] > boxes[k, 2]
        ]

    def _cylinder(self, thing: Cylinder, box) -> None:
        rows, columns = slice(box[0], box[1]), slice(box[2], box[3])
        axes, (cx, cy, cz) = self.camera.axes, self.camera.position
        xs, ys = self._xs[columns].astype(np.float64), self._ys[rows].astype(np.float64)
        dx, dy, dz = (r[0] * xs[None] + (r[1] * ys + r[2])[:, None] for r in axes)
        ox, oz = cx - thing.base[0], cz - thing.base[2]
        a = dx * dx + dz * dz
        inside = a * thing.radius**2 - (ox * dz - oz * dx) ** 2
        z = (-(ox * dx + oz * dz) - np.sqrt(np.maximum(inside, 0.0))) / a
        level = cy + z * dy - thing.base[1]
        seen = (inside > 0) & (z > NEAR) & (level >= 0) & (level <= thing.height)
        seen[seen] &= (1.0 / z[seen]) > self.inverse_depth[rows, columns][seen] * NEARER
        i, j = np.nonzero(seen)
        if not len(i):
            return
        z, level = z[i, j], level[i, j]
        nx, nz = (ox + z * dx[i, j]) / thing.radius, (oz + z * dz[i, j]) / thing.radius
        texture = thing.texture
        around = 2 * np.pi * thing.radius
        texels = texture.sample(
            (np.arctan2(nx, nz) / (2 * np.pi) + 0.5) * thing.repeat[0],
            (1 - level / thing.height) * thing.repeat[1],
            z * (thing.repeat[0] * texture.width / around / self.camera.focal),
        )
        lit = self.light.shade(np.stack([nx, 0 * nx, nz], axis=1)) * np.asarray(thing.colour)
        w = (1.0 / z).astype(np.float32)
        self._write(
            thing, i + rows.start, j + columns.start, w, texels, lit.astype(np.float32), False
        )

    def _write(self, surface, i, j, w, texels, lit, level) -> None:
        if not surface.texture.opaque:
            side = len(self._grain)
            there = texels[:, 3] > self._grain[i % side, j % side]
            i, j, w, texels = i[there], j[there], w[there], texels[there, :3]
            lit = lit[there] if lit.ndim == 2 else lit
        self.colour[i, j] = texels * lit
        self.inverse_depth[i, j] = w
        self.class_id[i, j] = surface.class_id
        self.instance[i, j] = surface.instance
        self.level[i, j] = level
