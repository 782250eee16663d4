"""Houses: facades of windows, doors and shops, pitched or flat roofs."""

from functools import cache

import cv2
import numpy as np

from refinezoo.scenes.street.classes import BUILDING
from refinezoo.scenes.street.light import Caster
from refinezoo.scenes.street.raster import Patch
from refinezoo.scenes.street.textures import Texture, mottled, with_alpha

BRICK = [(150, 85, 65), (178, 152, 112), (135, 100, 80), (165, 120, 85), (120, 92, 80)]
PLASTER = [(228, 224, 212), (205, 195, 175), (190, 188, 185), (235, 232, 228), (200, 180, 150)]
STONE = [(150, 145, 135), (125, 118, 108), (172, 162, 142)]
OFFICE = [(120, 125, 130), (90, 98, 105), (165, 165, 160)]
ROOF = [(95, 70, 62), (80, 80, 86), (110, 82, 66), (70, 72, 75)]
SHOP = [(150, 30, 35), (30, 60, 120), (35, 90, 60), (60, 60, 65), (200, 160, 60), (225, 225, 220)]


def wall(rng: np.random.Generator, kind: str, colour, height: int, width: int) -> np.ndarray:
    """Brick courses, plaster or stone: uint8 [height, width, 3]."""
    image = mottled(rng, colour, height, width, 0.07, 1.0)
    if kind == "brick":
        rough = mottled(rng, (128, 128, 128), height, width, 0.12, 4.0)
        image = cv2.addWeighted(image, 1.0, rough, 0.5, -64)
        image[::3] = image[::3] * 0.88
    elif kind == "stone":
        image[::12] = image[::12] * 0.8
        image[:, ::20] = image[:, ::20] * 0.9
    return image


def facade(rng: np.random.Generator, length: float, height: float) -> Texture:
    """A front of `length` x `height` metres."""
    kind = str(rng.choice(["brick", "plaster", "stone", "office"], p=[0.45, 0.3, 0.1, 0.15]))
    colours = {"brick": BRICK, "plaster": PLASTER, "stone": STONE, "office": OFFICE}[kind]
    colour = np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.75, 1.1)
    h, w = (256 if height > 9 else 128), (256 if length > 9 else 128)
    image = wall(rng, kind, colour, h, w)
    floors = max(1, round(height / rng.uniform(2.8, 3.5)))
    bays = max(1, round(length / rng.uniform(1.9, 3.4)))
    shop = rng.random() < 0.35 and floors > 1
    dark = np.array(rng.choice([(38, 44, 52), (58, 62, 66), (75, 88, 100)])) * 1.0
    frame = tuple(int(c) for c in rng.choice([(235, 235, 232), (60, 60, 62), (215, 205, 185)]))
    across, up = w / bays, h / floors
    half_w = across * (0.46 if kind == "office" else rng.uniform(0.2, 0.32))
    half_h = up * (0.36 if kind == "office" else rng.uniform(0.22, 0.34))
    rim = max(1, round(0.08 * w / length))
    for floor in range(floors):
        if floor == floors - 1 and shop:
            _shop(rng, image, round(floor * up), h, w, dark, bays)
            continue
        for bay in range(bays):
            x, y = (bay + 0.5) * across, (floor + 0.5) * up
            if floor == floors - 1 and bay % 3 == 1:
                _door(rng, image, x, h, half_w, up)
                continue
            box = [int(x - half_w), int(y - half_h), int(x + half_w), int(y + half_h)]
            _window(rng, image, box, dark, frame, rim)
    image[: max(2, round(0.25 * h / height))] = np.clip(colour * 0.8, 0, 255)  # eaves
    return Texture(image)


def _window(rng, image, box, dark, frame, rim) -> None:
    x0, y0, x1, y1 = box
    cv2.rectangle(image, (x0 - rim, y0 - rim), (x1 + rim, y1 + rim), frame, -1)
    glass = np.linspace(1.5, 0.7, max(1, y1 - y0))[:, None, None] * dark * rng.uniform(0.6, 1.5)
    if rng.random() < 0.25:  # curtains
        glass = glass * 0.4 + 110
    image[y0:y1, x0:x1] = np.clip(glass, 0, 255)
    middle = (x0 + x1) // 2
    cv2.line(image, (middle, y0), (middle, y1), frame, 1)
    cv2.line(image, (x0, (y0 + y1) // 2), (x1, (y0 + y1) // 2), frame, 1)
    cv2.line(image, (x0 - rim, y1 + rim), (x1 + rim, y1 + rim), (90, 88, 84), 1)


def _door(rng, image, x, h, half_w, up) -> None:
    colour = tuple(int(c) for c in np.array(SHOP[rng.integers(len(SHOP))]) * 0.8)
    top = int(h - up * 0.72)
    left, right = int(x - half_w * 0.8), int(x + half_w * 0.8)
    cv2.rectangle(image, (left - 2, top - 2), (right + 2, h), (200, 198, 190), -1)
    cv2.rectangle(image, (left, top), (right, h), colour, -1)


def _shop(rng, image, top, h, w, dark, bays) -> None:
    colour = tuple(int(c) for c in SHOP[rng.integers(len(SHOP))])
    board = top + (h - top) // 4
    cv2.rectangle(image, (0, top), (w, h), tuple(int(c * 0.6) for c in colour), -1)
    cv2.rectangle(image, (0, top), (w, board), colour, -1)
    for x in range(w // 8, w - w // 6, max(4, w // 20)):  # lettering that says nothing
        cv2.line(image, (x, (top + board) // 2), (x + 3, (top + board) // 2), (240, 240, 235), 2)
    for bay in range(bays):
        x0, x1 = int((bay + 0.08) * w / bays), int((bay + 0.92) * w / bays)
        pane = mottled(rng, dark * rng.uniform(0.8, 1.6), h - 4 - board, x1 - x0, 0.35, 0.8)
        image[board : h - 4, x0:x1] = pane


@cache
def distant_facade(number: int) -> Texture:
    """One of the fronts of houses far away."""
    return facade(np.random.default_rng([10, number]), 12.0, 8.0)


@cache
def gable(number: int, pointed: bool = False) -> Texture:
    """One of the end walls of houses, `pointed` under a roof."""
    rng = np.random.default_rng([11, number])
    image = wall(rng, "brick", BRICK[number % len(BRICK)], 64, 64)
    if not pointed:
        return Texture(image)
    alpha = np.zeros((64, 64), np.uint8)
    cv2.fillConvexPoly(alpha, np.array([(32, 0), (63, 63), (0, 63)]), 255)
    return with_alpha(image, alpha)


@cache
def roof_tiles(number: int) -> Texture:
    """One of the roofs."""
    rng = np.random.default_rng([12, number])
    image = mottled(rng, ROOF[number % len(ROOF)], 64, 64, 0.14, 2.0)
    image[::6] = image[::6] * 0.75
    return Texture(image)


class House:
    """A house whose front faces the street.

    Args:
        rng: of the draw.
        side: -1 stands left of the street, +1 right.
        front: x of its front, metres.
        start: z where it begins.
        length: along the street.
        height: of the wall.
        depth: across.
        distant: has one of a few facades, which need not be drawn anew.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        side: int,
        front: float,
        start: float,
        length: float,
        height: float,
        depth: float,
        distant: bool = False,
    ) -> None:
        back, end = front + side * depth, start + length
        texture = distant_facade(int(rng.integers(12))) if distant else facade(rng, length, height)
        number = int(rng.integers(8))
        self.surfaces = [
            Patch((front, height, start), (0, 0, length), (0, -height, 0), texture, BUILDING)
        ]
        for z in (start, end):
            self.surfaces.append(
                Patch(
                    (front, height, z),
                    (side * depth, 0, 0),
                    (0, -height, 0),
                    gable(number),
                    BUILDING,
                    repeat=(2, 2),
                )
            )
        peak = height
        if rng.random() < 0.65:
            peak = height + 0.5 * depth * rng.uniform(0.5, 1.0)
            self._roof(rng, side, front, back, start, length, height, peak, number)
        x0, x1 = sorted((front, back))
        self.caster = Caster(np.array([(x0, start), (x1, start), (x1, end), (x0, end)]), peak)

    def _roof(self, rng, side, front, back, start, length, height, peak, number) -> None:
        tiles = roof_tiles(int(rng.integers(8)))
        ridge = (front + back) / 2
        self.surfaces.append(
            Patch(
                (ridge, peak, start),
                (0, 0, length),
                (front - ridge, height - peak, 0),
                tiles,
                BUILDING,
                repeat=(max(1, length // 4), 1),
            )
        )
        for z in (start, start + length):
            self.surfaces.append(
                Patch(
                    (front, peak, z),
                    (back - front, 0, 0),
                    (0, height - peak, 0),
                    gable(number, True),
                    BUILDING,
                )
            )
        brick = gable(number)
        z = start + rng.uniform(0.1, 0.9) * (length - 1)
        for origin, u in (
            ((ridge - 0.5, peak + 1.0, z), (1.0, 0, 0)),
            ((ridge - side * 0.5, peak + 1.0, z), (0, 0, 0.9)),
        ):
            self.surfaces.append(Patch(origin, u, (0, -1.6, 0), brick, BUILDING))
