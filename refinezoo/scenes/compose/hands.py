"""A flat-shaded hand and forearm made of capsules."""

import cv2
import numpy as np

from refinezoo.scenes.compose.canvas import Canvas

SKINS = (
    (236, 190, 160),
    (224, 172, 138),
    (208, 150, 114),
    (186, 126, 92),
    (150, 98, 68),
    (104, 66, 46),
    (242, 204, 182),
    (198, 138, 104),
)
SLEEVES = (
    (30, 30, 36),
    (48, 60, 96),
    (120, 30, 36),
    (150, 150, 150),
    (220, 220, 214),
    (60, 84, 60),
)
LIGHT = np.array([-0.3, -0.5])  # where it comes from


class Hand:
    """A hand that grips a carton from one side: `draw_behind`, then the carton, then `draw_front`.

    Args:
        rng: the scene's random numbers.
        front: the carton's front on the canvas, corners top left, top right, bottom right,
            bottom left: float [4, 2] pixels.
        side: of the canvas in pixels.
        from_left: the hand comes from the left.
    """

    def __init__(
        self, rng: np.random.Generator, front: np.ndarray, side: int, from_left: bool
    ) -> None:
        skin = np.array(SKINS[rng.integers(len(SKINS))], np.float64)
        self.skin = np.clip(skin * rng.uniform(0.85, 1.05) + rng.uniform(-8, 8, 3), 0, 255)
        near, far = ((0, 3), (1, 2)) if from_left else ((1, 2), (0, 3))
        down = (front[3] + front[2] - front[0] - front[1]) / 2
        across = (front[far[0]] + front[far[1]] - front[near[0]] - front[near[1]]) / 2
        width, height = np.linalg.norm(across), np.linalg.norm(down)
        self.across, self.down = across / max(width, 1), down / max(height, 1)
        self.thick = float(np.clip(rng.uniform(0.085, 0.12) * side, 0.1 * width, 0.3 * width))
        grip = rng.uniform(0.35, 0.72)
        self.near = front[near[0]] + (front[near[1]] - front[near[0]]) * grip
        self.far = front[far[0]] + (front[far[1]] - front[far[0]]) * (grip + rng.uniform(-0.1, 0.1))
        self.width = width
        outward = -1.0 if from_left else 1.0
        self.palm = self.near + np.array([outward * self.thick * 0.6, self.thick * 0.5])
        reach = rng.uniform(0.5, 1.0) * side
        slope = rng.uniform(0.35, 1.3)
        self.elbow = self.palm + np.array([outward * reach, reach * slope])
        self.arm = self.thick * rng.uniform(1.5, 2.0)
        self.sleeve = SLEEVES[rng.integers(len(SLEEVES))] if rng.random() < 0.45 else None
        self.cuff = rng.uniform(0.25, 0.6)
        self.thumb_reach = rng.uniform(0.12, 0.42)
        self.thumb_rise = rng.uniform(0.5, 1.6)
        self.fingers = int(rng.integers(1, 5)) if rng.random() < 0.5 else 0
        self.tips = rng.uniform(0.02, 0.12, 4)
        self.spread = rng.uniform(0.95, 1.15)

    def draw_behind(self, canvas: Canvas) -> None:
        """Forearm and palm."""
        inside = self.near + self.across * self.width * 0.25
        arm = [
            (self.elbow, self.palm, self.arm * 1.15, self.arm * 0.85, self.skin),
            (self.palm, inside, self.thick * 1.75, self.thick * 1.5, self.skin),
        ]
        _draw(canvas, arm)
        if self.sleeve is not None:
            cuff = self.palm + (self.elbow - self.palm) * self.cuff
            colour = np.array(self.sleeve, np.float64)
            _draw(canvas, [(self.elbow, cuff, self.arm * 1.4, self.arm * 1.2, colour)])

    def draw_front(self, canvas: Canvas) -> None:
        """Ball of the thumb, thumb over the front, finger tips round the far edge."""
        thick, reach = self.thick, self.across * self.width * self.thumb_reach
        root = self.palm + self.down * thick * 0.2
        joint = self.near - self.down * thick * 0.3 * self.thumb_rise + reach * 0.35
        tip = joint - self.down * thick * self.thumb_rise + reach * 0.65
        ball = (root, joint, thick * 0.95, thick * 0.62, self.skin)
        end = (joint, tip, thick * 0.6, thick * 0.46, self.skin)
        _draw(canvas, [ball, end])
        nail = self.skin * 0.6 + 96
        _draw(canvas, [(tip, tip, thick * 0.22, thick * 0.22, nail)])
        for k in range(self.fingers):
            place = self.far + self.down * thick * self.spread * (k - (self.fingers - 1) / 2)
            inner = place - self.across * self.width * self.tips[k]
            outer = place + self.across * thick * 0.3
            colour = self.skin * (0.98 - 0.03 * k)
            _draw(canvas, [(outer, inner, thick * 0.48, thick * 0.4, colour)])


def _draw(canvas: Canvas, capsules: list[tuple]) -> None:
    """Tapered strokes in three flat tones, darker at their common rim; erases the labels below."""
    for shrink, gain in ((1.0, 0.78), (0.86, 0.92), (0.55, 1.0)):
        for start, end, radius_start, radius_end, colour in capsules:
            shift = LIGHT * radius_end * (1 - shrink) * 0.8
            outline = _tapered(
                start + shift, end + shift, radius_start * shrink, radius_end * shrink
            )
            tone = tuple(np.clip(colour * gain, 0, 255))
            cv2.fillConvexPoly(canvas.pixels, outline, tone, cv2.LINE_AA, 4)
            if shrink == 1.0:
                cv2.fillConvexPoly(canvas.labels, outline, 0, cv2.LINE_8, 4)


def _tapered(start, end, radius_start, radius_end) -> np.ndarray:
    """The convex outline of two circles, int32 [N, 1, 2] in sixteenths of a pixel."""
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points = np.concatenate([start + circle * radius_start, end + circle * radius_end])
    return cv2.convexHull(np.round(points * 16).astype(np.int32).reshape(-1, 1, 2))
