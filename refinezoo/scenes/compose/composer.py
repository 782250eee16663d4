"""Scene number k of a seed, drawn from product cut-outs."""

import os
from dataclasses import dataclass

import cv2
import numpy as np

from refinezoo.scenes.compose.annotate import annotations, halve_labels, visible_shares
from refinezoo.scenes.compose.camera import wide_angle_map
from refinezoo.scenes.compose.canvas import Canvas
from refinezoo.scenes.compose.cutouts import read_distractors, read_products
from refinezoo.scenes.compose.layouts import LAYOUTS, Scene
from refinezoo.scenes.compose.light import light
from refinezoo.scenes.compose.statistics import LayoutStatistics
from refinezoo.scenes.compose.walls import Stock


@dataclass
class ComposedScene:
    """A scene before it is written.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        foreground_mask: uint8 [H, W], 255 = a labelled large product (not the hand).
        background: uint8 [H, W, 3], the scene without the labelled products, or None.
        annotations: COCO annotations without ids.
        layout: hand_held, shelf or tray.
        half_angle: of the wide-angle lens, 0 for a pinhole camera.
    """

    image: np.ndarray
    foreground_mask: np.ndarray
    background: np.ndarray | None
    annotations: list[dict]
    layout: str
    half_angle: int


class Composer:
    """Draws scene number k of a seed; the same k and seed give the same scene anywhere."""

    def __init__(
        self,
        products: str | os.PathLike,
        distractors: str | os.PathLike | None,
        image_size: int,
        layout: str,
        camera: str,
        seed: int,
        statistics: LayoutStatistics,
        backgrounds: bool,
    ) -> None:
        self.products, self.categories = read_products(products)
        self.stock = Stock(self.products, read_distractors(distractors))
        self.image_size = image_size
        self.layout = layout
        self.camera = camera
        self.seed = seed
        self.statistics = statistics
        self.backgrounds = backgrounds

    def scene(self, index: int) -> ComposedScene:
        """Scene number `index`."""
        canvas, name, half_angle = self._drawn(index, frozenset())
        shares = visible_shares(canvas.labels, canvas.instances)
        image, labels = self._taken(index, canvas, half_angle)
        rows = annotations(labels, canvas.instances, shares, self.statistics, index + 1, 0)
        large = [row["instance"] for row in rows if not row["iscrowd"]]
        background = None
        if self.backgrounds:
            empty, _, _ = self._drawn(index, frozenset(large))
            background, _ = self._taken(index, empty, half_angle)
        mask = np.isin(labels, large).astype(np.uint8) * 255
        return ComposedScene(image, mask, background, rows, name, half_angle)

    def _drawn(self, index: int, hidden: frozenset) -> tuple[Canvas, str, int]:
        rng = np.random.default_rng([self.seed, index])
        name = self.layout
        if name == "mixed":
            shares = np.array(self.statistics.mixture)
            name = str(rng.choice(list(LAYOUTS), p=shares / shares.sum()))
        wide = self.camera == "wide_angle" or (
            self.camera == "mixed" and (name == "tray" or rng.random() < 0.1)
        )
        half_angle = 5 * int(rng.integers(8, 13) if name == "tray" else rng.integers(5, 9))
        half_angle = half_angle if wide else 0
        # Every block of len(products) scenes shows each product once as the large one.
        block, place = divmod(index, len(self.products))
        order = np.random.default_rng([self.seed, 1 << 40, block]).permutation(len(self.products))
        side = 2 * self.image_size
        canvas = Canvas(side, side, hidden=hidden)
        chosen = self.products[order[place]]
        LAYOUTS[name](Scene(rng, canvas, self.stock, chosen, self.statistics, half_angle))
        return canvas, name, half_angle

    def _taken(self, index: int, canvas: Canvas, half_angle: int) -> tuple[np.ndarray, np.ndarray]:
        """Lens, pixel grid and light: the image and its label map."""
        pixels: np.ndarray = canvas.pixels
        labels: np.ndarray = canvas.labels
        if half_angle:
            maps = wide_angle_map(2 * self.image_size, half_angle)
            pixels = cv2.remap(pixels, *maps, cv2.INTER_LINEAR)
            labels = cv2.remap(labels, *maps, cv2.INTER_NEAREST)
        size = (self.image_size, self.image_size)
        image = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        rng = np.random.default_rng([self.seed, index, 1])
        return light(rng, image), halve_labels(labels)
