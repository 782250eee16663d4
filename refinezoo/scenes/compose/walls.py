"""Shelves full of products: the wall behind a held product, or the scene itself."""

from dataclasses import dataclass

import cv2
import numpy as np

from refinezoo.scenes.compose.canvas import Canvas
from refinezoo.scenes.compose.cutouts import Cutout

TAG_COLOURS = ((248, 248, 244), (250, 232, 60), (244, 244, 255), (226, 40, 40), (250, 160, 40))
METALS = ((176, 178, 182), (120, 122, 126), (214, 214, 210), (70, 72, 78), (38, 38, 42))


@dataclass
class Stock:
    """What can stand on a shelf."""

    products: list[Cutout]
    distractors: list[Cutout]

    def draw(self, rng: np.random.Generator, product_share: float) -> Cutout:
        """A random product with the given chance, else a random distractor."""
        if not self.distractors or rng.random() < product_share:
            return self.products[rng.integers(len(self.products))]
        return self.distractors[rng.integers(len(self.distractors))]


def draw_wall(
    rng: np.random.Generator,
    canvas: Canvas,
    stock: Stock,
    row_height: float,
    product_share: float,
    *,
    main_row: bool = False,
) -> None:
    """Fills a canvas with rows of items, seen straight on.

    Args:
        rng: the scene's random numbers.
        canvas: gets pixels, labels and instances.
        stock: what may stand there.
        row_height: pixels from one shelf board to the next.
        product_share: share of the items that are products.
        main_row: put one board low in the image, so that one row fills the canvas.
    """
    height, width = canvas.labels.shape
    metal = np.array(METALS[rng.integers(len(METALS))], np.float64)
    back = metal * rng.uniform(0.15, 0.85)
    canvas.paint(back)
    board = max(3, round(row_height * rng.uniform(0.05, 0.1)))
    strip = max(4, round(row_height * rng.uniform(0.09, 0.16)))
    if main_row:
        base = height * rng.uniform(0.84, 0.97)
        start = base - row_height * np.ceil(base / row_height)
    else:
        start = -row_height * rng.random()
    crowding = rng.uniform(0.96, 1.12)
    for top in np.arange(start, height + row_height, row_height):
        base = int(round(top + row_height - board - strip))
        clear = row_height - board - strip
        share = max(product_share, 0.85) if main_row else product_share
        _fill_row(rng, canvas, stock, base, clear, share, crowding)
        _shade(canvas, int(top), int(top + clear * 0.6))
        _draw_edge(rng, canvas, base, board, strip, metal)


def _fill_row(rng, canvas, stock, base, clear, share, crowding) -> None:
    """One row, left to right: runs of equal items, as shops face them, one or two deep."""
    width = canvas.labels.shape[1]
    x = -int(rng.uniform(0, 0.5) * clear)
    two_deep = rng.random() < 0.5
    if rng.random() < 0.06:  # a bare patch
        x += int(rng.uniform(0.2, 0.5) * width)
    while x < width:
        cutout = stock.draw(rng, share)
        tall = cutout.size[1] >= cutout.size[0]
        size = int(clear * (rng.uniform(0.72, 0.96) if tall else rng.uniform(0.35, 0.6)))
        size = _few_sizes(size)
        size = min(size, max(4, int(clear)))
        stacked = 1 if tall else int(rng.integers(1, 3))
        for _ in range(int(rng.integers(2, 6))):
            if x >= width:
                break
            step = max(2, round(cutout.size[0] * size / cutout.size[1] * crowding))
            jitter = int(rng.integers(-1, 2))
            if two_deep:
                lift = max(1, round(clear * 0.06))
                canvas.paste_upright(cutout, size, x + lift // 2, base - lift, dim=True)
            for level in range(stacked):
                canvas.paste_upright(cutout, size, x + jitter, base - level * size, dim=False)
            x += step
        if rng.random() < 0.12:
            x += int(clear * rng.uniform(0.1, 0.4))


def _few_sizes(size: int) -> int:
    """The nearest of a few heights, 7 % apart, so that resized cut-outs are found in the cache."""
    return max(4, round(1.07 ** round(np.log(max(size, 4)) / np.log(1.07))))


def _shade(canvas: Canvas, top: int, bottom: int) -> None:
    """The shadow of the board above, fading downwards."""
    low, high = max(top, 0), min(bottom, canvas.labels.shape[0])
    if high > low:
        ramp = np.linspace(0.5, 1.0, bottom - top, dtype=np.float32)[low - top : high - top]
        rows = canvas.pixels[low:high]
        canvas.pixels[low:high] = (rows * ramp[:, None, None]).astype(np.uint8)


def _draw_edge(rng, canvas, base: int, board: int, strip: int, metal: np.ndarray) -> None:
    """A board's front with a strip of price labels below the items."""
    height, width = canvas.labels.shape
    if base >= height or base + board + strip <= 0:
        return
    cv2.rectangle(canvas.pixels, (0, base), (width, base + board), tuple(metal * 0.9), -1)
    under = tuple(np.clip(metal * rng.uniform(0.5, 1.15), 0, 255))
    cv2.rectangle(canvas.pixels, (0, base + board), (width, base + board + strip), under, -1)
    tag_colour = TAG_COLOURS[rng.integers(len(TAG_COLOURS))]
    x = int(rng.integers(0, 2 * strip))
    while x < width:
        tag = int(strip * rng.uniform(1.4, 2.6))
        top, bottom = base + board // 2, base + board + strip - 1
        colour = tag_colour if rng.random() < 0.8 else TAG_COLOURS[rng.integers(len(TAG_COLOURS))]
        cv2.rectangle(canvas.pixels, (x, top), (x + tag, bottom), colour, -1)
        ink = (30, 30, 34) if min(colour) > 30 and colour[1] > 60 else (250, 250, 250)
        digit = max(1, (bottom - top) // 2)
        start = x + tag - int(tag * 0.55)
        for k in range(3):
            left = start + k * max(2, int(tag * 0.17))
            cv2.rectangle(
                canvas.pixels,
                (left, bottom - digit),
                (left + max(1, digit // 3), bottom - 2),
                ink,
                -1,
            )
        cv2.line(canvas.pixels, (x + 2, top + 2), (x + tag // 2, top + 2), ink, 1)
        x += tag + int(strip * rng.uniform(0.3, 5.0))
    canvas.labels[max(base, 0) : max(base + board + strip, 0)] = 0


def look_at_wall(
    rng: np.random.Generator,
    wall: tuple[int, int],
    side: int,
    cover: float,
    roll: float,
    keystone: float,
) -> np.ndarray:
    """A random oblique view of a wall that fills the image: homography wall -> image.

    Args:
        rng: the scene's random numbers.
        wall: height and width of the wall's canvas in pixels.
        side: of the square image in pixels.
        cover: share of the wall's shorter side that is seen, at most.
        roll: tilt of the camera, degrees.
        keystone: 0 = straight on; 0.4 = one side of the seen region is 0.6 times the other.

    Returns:
        float64 [3, 3].
    """
    height, width = wall
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    across, down = rng.uniform(-keystone, keystone, 2)
    seen = corners.copy()
    seen[:, 1] *= 1 + across * corners[:, 0]
    seen[:, 0] *= 1 + down * corners[:, 1] * 0.6
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    seen = seen @ turn.T
    seen *= cover * min(height, width) / np.ptp(seen, axis=0).max()
    low = -seen.min(0)
    high = np.array([width, height]) - seen.max(0)
    seen += low + (high - low) * rng.random(2)
    target = (corners + 1) / 2 * side
    return cv2.getPerspectiveTransform(np.array(seen, np.float32), np.array(target, np.float32))
