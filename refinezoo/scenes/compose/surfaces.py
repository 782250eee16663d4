"""What lies behind or under the products: plain walls, floors, the frame of a door, a tray."""

import cv2
import numpy as np

from refinezoo.scenes.compose.canvas import Canvas
from refinezoo.scenes.compose.walls import look_at_wall

PLAIN = ((206, 202, 194), (168, 164, 158), (226, 222, 214), (120, 116, 112), (186, 172, 150))


def draw_plain(rng: np.random.Generator, canvas: Canvas) -> None:
    """A plain wall."""
    colour = np.array(PLAIN[rng.integers(len(PLAIN))]) * rng.uniform(0.7, 1.1)
    canvas.paint(colour)


def draw_floor(rng: np.random.Generator, canvas: Canvas) -> None:
    """Floor tiles or a plain wall beyond a slanted line."""
    side = canvas.labels.shape[0]
    floor = Canvas(side, side)
    draw_plain(rng, floor)
    joint = tuple(floor.pixels[0, 0] * rng.uniform(0.75, 0.95))
    if rng.random() < 0.7:
        step = int(side * rng.uniform(0.12, 0.3))
        for k in range(0, side, step):
            cv2.line(floor.pixels, (k, 0), (k, side), joint, 2, cv2.LINE_AA)
            cv2.line(floor.pixels, (0, k), (side, k), joint, 2, cv2.LINE_AA)
        view = look_at_wall(rng, (side, side), side, 0.95, rng.uniform(-45, 45), 0.5)
        floor.pixels = cv2.warpPerspective(
            floor.pixels, view, (side, side), borderMode=cv2.BORDER_REPLICATE
        )
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:side, :side] / side - 0.5
    region = x * np.cos(angle) + y * np.sin(angle) > rng.uniform(0.05, 0.35)
    canvas.pixels[region] = floor.pixels[region]
    canvas.labels[region] = 0


def draw_frame(rng: np.random.Generator, canvas: Canvas) -> None:
    """The frame of a fridge's door: two parallel bars."""
    side = canvas.labels.shape[0]
    colour = np.array([1.0, 1.0, 1.02]) * rng.uniform(60, 225)
    x, lean = rng.uniform(0, 1), rng.uniform(-0.4, 0.4)
    for k, gain in ((0.0, 1.0), (rng.uniform(0.05, 0.12), 0.75)):
        ends = np.array([[x + k - lean, -0.05], [x + k + lean, 1.05]]) * side
        start, end = (tuple(int(v) for v in point) for point in ends)
        thickness = max(2, int(side * 0.045))
        tone = tuple(np.clip(colour * gain, 0, 255))
        cv2.line(canvas.pixels, start, end, tone, thickness, cv2.LINE_AA)
        cv2.line(canvas.labels, start, end, 0, thickness)


def draw_tray(rng: np.random.Generator, canvas: Canvas) -> None:
    """A ribbed metal or plastic floor with a rim."""
    side = canvas.labels.shape[0]
    base = np.array([1.0, 1.0, 1.02]) * rng.uniform(70, 225)
    canvas.paint(base)
    step = max(4, int(side * rng.uniform(0.03, 0.12)))
    upright = rng.random() < 0.5
    for k in range(0, side, step):
        ends = ((k, 0), (k, side)) if upright else ((0, k), (side, k))
        cv2.line(
            canvas.pixels, ends[0], ends[1], tuple(base * 0.88), max(1, step // 4), cv2.LINE_AA
        )
    rim = int(side * rng.uniform(0.03, 0.08))
    cv2.rectangle(canvas.pixels, (0, 0), (side - 1, side - 1), tuple(base * 0.6), rim)
