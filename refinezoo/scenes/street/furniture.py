"""Lamp posts, signs, traffic lights, bollards, bins and fences."""

import cv2
import numpy as np

from refinezoo.scenes.street.classes import FENCE, POLE, SIGN, VOID
from refinezoo.scenes.street.raster import Cylinder, Patch
from refinezoo.scenes.street.textures import Texture, cut_out, mottled, plain, with_alpha

GREY = (0.38, 0.39, 0.4)
BLACK = (0.12, 0.12, 0.13)


def pole(x, z, height, instance, radius=0.07, colour=GREY) -> Cylinder:
    """A plain post."""
    return Cylinder((x, 0.0, z), radius, height, plain(), POLE, instance, colour)


def lamp_post(rng: np.random.Generator, side: int, x, z, instance) -> list:
    """A post with an arm over the street."""
    height, arm = rng.uniform(6, 10), rng.uniform(0.8, 1.8)
    colour = (GREY, (0.25, 0.27, 0.25), (0.55, 0.56, 0.57))[rng.integers(3)]
    return [
        pole(x, z, height, instance, rng.uniform(0.06, 0.1), colour),
        Patch(
            (x, height, z), (-side * arm, 0.15, 0), (0, -0.1, 0), plain(), POLE, instance, colour
        ),
        Patch(
            (x - side * arm, height + 0.2, z),
            (-side * 0.6, 0.05, 0),
            (0, -0.14, 0),
            plain(),
            POLE,
            instance,
            (0.7, 0.7, 0.68),
        ),
    ]


def _plate(rng: np.random.Generator, kind: str) -> tuple[Texture, float]:
    """A sign's face and its height over its width."""
    rgb, alpha = cut_out(64, 64)
    red, blue, white = (185, 30, 35), (35, 75, 160), (238, 238, 235)
    if kind == "round":
        inner = white if rng.random() < 0.7 else blue
        for radius, colour in ((31, red if inner is white else blue), (23, inner)):
            cv2.circle(rgb, (32, 32), radius, colour, -1)
        cv2.circle(alpha, (32, 32), 31, 255, -1)
        cv2.line(rgb, (22, 38), (42, 26), (30, 30, 30), 5)
        return with_alpha(rgb, alpha), 1.0
    if kind == "triangle":
        outer = np.array([(32, 2), (62, 60), (2, 60)])
        for points, colour in ((outer, red), ((outer - (32, 40)) * 0.66 + (32, 41), white)):
            cv2.fillConvexPoly(rgb, points.astype(np.int32), colour)
        cv2.fillConvexPoly(alpha, outer, 255)
        cv2.line(rgb, (32, 30), (32, 48), (30, 30, 30), 5)
        return with_alpha(rgb, alpha), 0.9
    board = [blue, (30, 100, 70), white, (225, 190, 60), red, (60, 60, 64)][rng.integers(6)]
    rgb[:] = board
    ink = (30, 30, 32) if sum(board) > 450 else (235, 235, 232)
    for row in range(10, 58, 14):
        cv2.line(rgb, (8, row), (int(rng.integers(24, 56)), row), ink, 4)
    return Texture(rgb), float(rng.choice([0.6, 1.0, 1.6]))


def sign(rng: np.random.Generator, x, z, instance) -> list:
    """A post with a round, triangular or rectangular sign."""
    kind = str(rng.choice(["round", "triangle", "board"], p=[0.35, 0.2, 0.45]))
    texture, aspect = _plate(rng, kind)
    width = rng.uniform(0.6, 0.9) if kind != "board" else rng.uniform(0.7, 1.4)
    height = width * aspect
    foot = rng.uniform(1.7, 2.4)
    return [
        pole(x, z, foot + height * 0.9, instance, 0.04),
        Patch(
            (x - width / 2, foot + height, z - 0.06),
            (width, 0, 0),
            (0, -height, 0),
            texture,
            SIGN,
            instance + 1,
        ),
    ]


def traffic_light(rng: np.random.Generator, x, z, instance) -> list:
    """A post with three lamps, one of them lit."""
    rgb = np.full((64, 32, 3), 28, np.uint8)
    lit = int(rng.integers(3))
    for k, colour in enumerate([(250, 60, 50), (250, 180, 50), (80, 240, 150)]):
        shown = colour if k == lit else tuple(c // 6 for c in colour)
        cv2.circle(rgb, (16, 12 + 20 * k), 8, shown, -1)
    return [
        pole(x, z, 3.4, instance, 0.055, BLACK),
        Patch(
            (x - 0.24, 3.4, z - 0.08), (0.48, 0, 0), (0, -1.1, 0), Texture(rgb), SIGN, instance + 1
        ),
    ]


def bin_or_box(rng: np.random.Generator, x, z) -> list:
    """A litter bin or a post box: void, as in CamVid."""
    red = rng.random() < 0.3
    colour = (0.6, 0.1, 0.1) if red else (0.1, 0.12, 0.11)
    return [Cylinder((x, 0.0, z), 0.28, 1.6 if red else 1.05, plain(), VOID, colour=colour)]


def fence(rng: np.random.Generator, x, start, end) -> list[Patch]:
    """Railings or boards along the street."""
    length = end - start
    height = float(rng.uniform(0.9, 1.7))
    if rng.random() < 0.5:
        rgb, alpha = cut_out(64, 64)
        rgb[:] = [(28, 30, 30), (70, 72, 74), (220, 220, 215)][rng.integers(3)]
        alpha[:, ::8] = 255
        alpha[:, 1::8] = 255
        alpha[:, 2::8] = 255
        alpha[4:8] = alpha[52:56] = 255
        texture = with_alpha(rgb, alpha)
    else:
        rgb = mottled(
            rng, [(120, 95, 70), (100, 92, 84), (140, 120, 95)][rng.integers(3)], 64, 64, 0.12, 2.0
        )
        rgb[:, ::8] = rgb[:, ::8] * 0.55
        texture = Texture(rgb)
    return [
        Patch(
            (x, height, start),
            (0, 0, length),
            (0, -height, 0),
            texture,
            FENCE,
            repeat=(length / 1.2, 1),
        )
    ]
