"""The three layouts: a product in a hand, products on a shelf, products on a vending tray."""

from dataclasses import dataclass

import cv2
import numpy as np

from refinezoo.scenes.compose.camera import map_points, project, rotation, wide_angle_magnification
from refinezoo.scenes.compose.canvas import Canvas
from refinezoo.scenes.compose.cutouts import Cutout
from refinezoo.scenes.compose.hands import Hand
from refinezoo.scenes.compose.statistics import LayoutStatistics, Quantiles
from refinezoo.scenes.compose.surfaces import draw_floor, draw_frame, draw_plain, draw_tray
from refinezoo.scenes.compose.walls import Stock, draw_wall, look_at_wall


@dataclass
class Scene:
    """What a layout draws with.

    Attributes:
        rng: the scene's random numbers.
        canvas: square, `canvas.labels.shape[0]` pixels.
        stock: products and distractors.
        chosen: the large product of this scene.
        statistics: sizes and positions.
        half_angle: of the wide-angle lens in degrees, 0 for a pinhole camera.
    """

    rng: np.random.Generator
    canvas: Canvas
    stock: Stock
    chosen: Cutout
    statistics: LayoutStatistics
    half_angle: int

    @property
    def side(self) -> int:
        """Pixels of the canvas."""
        return self.canvas.labels.shape[0]

    @property
    def magnification(self) -> float:
        """What the lens does to the middle of the image."""
        return wide_angle_magnification(self.half_angle) if self.half_angle else 1.0


def quantile(rng: np.random.Generator, quantiles: Quantiles) -> float:
    """A number of the piecewise linear distribution through its 5, 50 and 95 % quantiles."""
    low, middle, high = quantiles
    share = rng.uniform(0.0, 1.0)
    return float(
        np.interp(
            share,
            [0.0, 0.05, 0.5, 0.95, 1.0],
            [low - (middle - low) / 9, low, middle, high, high + (high - middle) / 9],
        )
    )


def hand_held(scene: Scene) -> None:
    """One large product in a hand before shelves, a floor or a wall."""
    rng, canvas, statistics = scene.rng, scene.canvas, scene.statistics
    _background(scene)
    _soften(scene)
    front, faces = _carton(scene)
    hand = None
    if rng.random() < statistics.hand:
        hand = Hand(rng, front, scene.side, rng.random() < statistics.hand_from_left)
        hand.draw_behind(canvas)
    _draw_carton(scene, faces, rng.uniform(0.9, 1.1))
    if hand is not None:
        hand.draw_front(canvas)


def shelf(scene: Scene) -> None:
    """One to four large products side by side on a shelf among their neighbours."""
    rng, side, statistics = scene.rng, scene.side, scene.statistics
    wall = Canvas(round(side * 1.3), round(side * 1.3), hidden=scene.canvas.hidden)
    row = quantile(rng, statistics.shelf_height) * side * 1.15
    few = [scene.chosen] + [
        scene.stock.products[k] for k in rng.integers(len(scene.stock.products), size=2)
    ]
    draw_wall(rng, wall, Stock(few, scene.stock.distractors), row, 0.85, main_row=True)
    roll = np.clip(quantile(rng, statistics.tilt) * 0.5, -25, 25)
    view = look_at_wall(rng, wall.labels.shape, side, 0.97, roll, 0.18)
    scene.canvas.paste_canvas(wall, view)


def tray(scene: Scene) -> None:
    """Products lying on a vending machine's tray, seen from above."""
    rng, canvas, side, statistics = scene.rng, scene.canvas, scene.side, scene.statistics
    draw_tray(rng, canvas)
    count = int(rng.integers(statistics.tray_count[0], statistics.tray_count[1] + 1))
    chosen = [scene.chosen] + [scene.stock.draw(rng, 0.75) for _ in range(count - 1)]
    taken: list[tuple[np.ndarray, float]] = []
    for cutout in chosen:
        width, height = cutout.size
        size = quantile(rng, statistics.tray_height) * side * min(1.0, height / width)
        turn = rotation(rng.uniform(-12, 12), rng.uniform(-15, 25), rng.uniform(0, 360))
        plane = np.array(
            [[-width, -height, 0], [width, -height, 0], [width, height, 0], [-width, height, 0]]
        ) / (2 * height)
        corners = project(plane, turn, 3.0) * size
        position, best = np.zeros(2), -np.inf
        for _ in range(12):  # the freest of some positions
            trial = rng.uniform(0.14, 0.86, 2) * side
            free = min((np.hypot(*(trial - p)) - r - size / 3 for p, r in taken), default=0.0)
            if free > best:
                position, best = trial, free
        taken.append((position, size / 3))
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        matrix = cv2.getPerspectiveTransform(source, np.array(corners + position, np.float32))
        canvas.paste_cutout(cutout, matrix, rng.uniform(0.88, 1.08))


def _carton(scene: Scene):
    """Where the large product lies: corners of its front, and (texture, homography) faces."""
    rng, side, statistics = scene.rng, scene.side, scene.statistics
    width, height = scene.chosen.size
    w, h = width / height, 1.0
    yaw, pitch = quantile(rng, statistics.yaw), quantile(rng, statistics.pitch)
    turn = rotation(yaw, pitch, quantile(rng, statistics.tilt))
    distance = rng.uniform(1.6, 4.0)
    front = np.array([[-w, -h, 0], [w, -h, 0], [w, h, 0], [-w, h, 0]]) / 2
    depth = np.array([0, 0, w * rng.uniform(0.55, 0.95)])
    with_side = rng.random() < statistics.side_face and abs(yaw) > 8
    right = yaw < 0  # the edge that turns towards the camera shows the face behind it
    edge = front[[1, 2]] if right else front[[0, 3]]
    strip = np.stack([edge[0], edge[0] + depth, edge[1] + depth, edge[1]])
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)

    outline = np.concatenate([front, strip]) if with_side else front
    flat = project(outline, turn, distance)
    first = cv2.getPerspectiveTransform(source, np.array(flat[:4], np.float32))
    hull = map_points(scene.chosen.hull * np.array([width, height], np.float32), first)
    if with_side:
        hull = np.concatenate([hull, flat[4:]])
    low, high = hull.min(0), hull.max(0)
    zoom, shift = _placed(rng, statistics, low, high)
    flat = (flat * zoom + shift - 0.5) / scene.magnification + 0.5
    flat *= side
    front_matrix = cv2.getPerspectiveTransform(source, np.array(flat[:4], np.float32))
    side_matrix = None
    if with_side:
        inner = (flat[5] + flat[6] - flat[4] - flat[7]) / 2
        outward = (flat[1] + flat[2] - flat[0] - flat[3]) / 2 * (1 if right else -1)
        if inner @ outward > 0.05 * (outward @ outward):  # else it faces away
            side_matrix = cv2.getPerspectiveTransform(source, np.array(flat[4:8], np.float32))
    return flat[:4], (front_matrix, side_matrix, right)


def _placed(rng, statistics: LayoutStatistics, low: np.ndarray, high: np.ndarray):
    """Zoom and shift that give the visible box the drawn height and centre (side = 1)."""
    height = quantile(rng, statistics.box_height)
    zoom = height / (high[1] - low[1])
    width = (high[0] - low[0]) * zoom
    if width > statistics.box_width[2]:
        zoom *= statistics.box_width[2] / width
    centre = np.array([quantile(rng, statistics.centre_x), quantile(rng, statistics.centre_y)])
    half = (high - low) * zoom / 2
    margin = np.minimum(half + 0.02, 0.5)
    centre = np.clip(centre, margin, 1 - margin)
    if rng.random() < statistics.cut:
        # Grown about the far edge until the near one leaves the image.
        beyond = (0.5 - np.abs(centre - 0.5) - half + rng.uniform(0.01, 0.12)) / (2 * half)
        growth = 1 + max(float(beyond.min()), 0.0)
        centre += np.sign(centre - 0.5 + 1e-9) * half * (growth - 1)
        zoom *= growth
    return zoom, centre - (low + high) / 2 * zoom


def _draw_carton(scene: Scene, faces, gain: float) -> None:
    canvas, cutout = scene.canvas, scene.chosen
    front_matrix, side_matrix, right = faces
    size = np.array(cutout.size, np.float32)
    outline = map_points(cutout.hull * size, front_matrix)
    number = canvas.number(cutout, outline, 1.0)
    if side_matrix is not None:
        texture = _side_texture(cutout, right)
        zoom = np.diag([size[0] / texture.shape[1], size[1] / texture.shape[0], 1.0])
        corners = map_points(
            np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * size, side_matrix
        )
        canvas.instances[-1].outline = np.concatenate([outline, corners])
        canvas.paste_warped(texture, side_matrix @ zoom, number, gain * 0.82)
    canvas.paste_cutout(cutout, front_matrix, gain, number)


def _side_texture(cutout: Cutout, right: bool) -> np.ndarray:
    """A carton's other face: its outer third, mirrored at the edge."""
    level = cutout.levels[min(1, len(cutout.levels) - 1)]
    width = level.shape[1]
    third = max(width * 2 // 5, 1)
    part = level[:, width - third :] if right else level[:, :third]
    texture = part[:, ::-1].copy()
    solid = texture[:, :, 3].max(axis=1) > 127
    edge = np.flatnonzero(solid)
    texture[edge[0] : edge[-1] + 1, :, 3] = 255
    return texture


def _background(scene: Scene) -> None:
    rng, canvas, side, statistics = scene.rng, scene.canvas, scene.side, scene.statistics
    kind = rng.random()
    if kind < 0.04:
        draw_plain(rng, canvas)
    else:
        wall = Canvas(round(side * 1.6), round(side * 1.6), hidden=canvas.hidden)
        row = quantile(rng, statistics.row_height) * side * 1.25
        share = statistics.background_products
        draw_wall(rng, wall, scene.stock, row, share * rng.uniform(0.4, 1.6))
        roll = np.clip(quantile(rng, statistics.tilt) * 1.2, -50, 50)
        canvas.paste_canvas(
            wall, look_at_wall(rng, wall.labels.shape, side, rng.uniform(0.75, 1.0), roll, 0.42)
        )
        if rng.random() < 0.28:
            draw_floor(rng, canvas)
        if rng.random() < 0.15:
            draw_frame(rng, canvas)


def _soften(scene: Scene) -> None:
    """The background is out of focus and lit less than what is held before it."""
    rng, canvas = scene.rng, scene.canvas
    sigma = rng.uniform(0, scene.statistics.background_blur) * scene.side
    if sigma > 0.3:
        canvas.pixels = cv2.GaussianBlur(canvas.pixels, (0, 0), sigma)
    canvas.pixels = cv2.convertScaleAbs(canvas.pixels, alpha=rng.uniform(0.55, 1.15))


LAYOUTS = {"hand_held": hand_held, "shelf": shelf, "tray": tray}
