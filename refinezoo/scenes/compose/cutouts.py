"""Cut-outs: RGBA images of products, premultiplied and kept at several resolutions."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from refinezoo.config import read_json
from refinezoo.data.images import read_rgba
from refinezoo.data.tree import images_in
from refinezoo.errors import RefinezooError
from refinezoo.paths import contained


@dataclass
class Cutout:
    """One product: `levels[0]` is the image, each further level has half its size.

    Attributes:
        levels: uint8 [h, w, 4], RGB premultiplied by alpha, and alpha.
        category_id: COCO id, or None for a distractor.
        name: category or file name.
    """

    levels: list[np.ndarray]
    category_id: int | None
    name: str
    _upright: dict[tuple, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the full image in pixels."""
        height, width = self.levels[0].shape[:2]
        return width, height

    @cached_property
    def hull(self) -> np.ndarray:
        """The convex outline: float32 [N, 2], fractions of width and height."""
        alpha = self.levels[0][..., 3] > 127
        points = cv2.convexHull(np.argwhere(alpha)[:, ::-1].astype(np.int32).reshape(-1, 1, 2))
        return (points.reshape(-1, 2).astype(np.float32) + 0.5) / np.array(self.size, np.float32)

    @cached_property
    def fill(self) -> float:
        """The opaque share of the image's rectangle."""
        return float((self.levels[0][..., 3] > 127).mean())

    def level(self, scale: float) -> np.ndarray:
        """The level to draw from when one pixel of the image becomes `scale` pixels."""
        index = int(np.clip(np.floor(np.log2(max(1 / scale, 1)) + 0.4), 0, len(self.levels) - 1))
        return self.levels[index]

    def upright(self, height: int, dim: bool = False) -> np.ndarray:
        """The image resized to a height in pixels: uint8 [height, w, 4], premultiplied.

        Args:
            height: pixels.
            dim: darkened to 0.7, as a product that stands behind another.
        """
        if (height, dim) not in self._upright:
            width = max(1, round(self.size[0] * height / self.size[1]))
            source = self.levels[0]
            for level in self.levels[1:]:
                source = level if level.shape[0] >= 2 * height else source
            area = cv2.INTER_AREA if height < self.size[1] else cv2.INTER_LINEAR
            patch = cv2.resize(source, (width, height), interpolation=area)
            if dim:
                patch[..., :3] = cv2.convertScaleAbs(patch[..., :3], alpha=0.7)
            self._upright[height, dim] = patch
        return self._upright[height, dim]


def premultiplied(image: np.ndarray) -> np.ndarray:
    """RGBA with straight alpha -> with RGB premultiplied, cropped to what is opaque."""
    opaque = image[..., 3] > 127
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    alpha = image[..., 3:].astype(np.uint16)
    colour = (image[..., :3] * alpha + 127) // 255
    return np.concatenate([colour, alpha], axis=-1).astype(np.uint8)


def read_cutout(path: Path, category_id: int | None, name: str) -> Cutout:
    """Reads an RGBA file as a `Cutout`.

    Raises:
        RefinezooError: no alpha channel, or nothing opaque.
    """
    image = read_rgba(path)
    if not (image[..., 3] > 127).any():
        raise RefinezooError(f"{path}: expected an object, received a fully transparent image.")
    levels = [premultiplied(image)]
    while min(levels[-1].shape[:2]) >= 8:
        height, width = levels[-1].shape[:2]
        levels.append(
            cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        )
    return Cutout(levels, category_id, name)


def read_products(folder: str | os.PathLike) -> tuple[list[Cutout], list[dict]]:
    """The products of a folder and their COCO categories.

    `classes.json` beside the images gives `class_id`, `name`, `file_name` of each, optionally
    `coarse_name`; without it every file is a category named after itself, from id 1.

    Raises:
        RefinezooError: no images, a missing or unreadable one, or doubled ids.
    """
    folder = Path(folder)
    listing = folder / "classes.json"
    if listing.is_file():
        try:
            classes = read_json(listing)["classes"]
            rows = [(int(row["class_id"]), row["name"], row["file_name"]) for row in classes]
        except (KeyError, TypeError, ValueError) as error:
            raise RefinezooError(
                f'{listing}: expected {{"classes": [{{"class_id", "name", "file_name"}}, ...]}}, '
                f"received something else ({type(error).__name__}: {error})."
            ) from None
    else:
        rows = [(k, path.stem, path.name) for k, path in enumerate(images_in(folder), 1)]
    rows.sort()
    ids = [row[0] for row in rows]
    if not rows or len(set(ids)) != len(ids):
        raise RefinezooError(
            f"{listing}: expected one or more different class ids, received {ids}."
        )
    products = [read_cutout(contained(file, folder), number, name) for number, name, file in rows]
    categories = [
        {"id": number, "name": name, "supercategory": "product"} for number, name, _ in rows
    ]
    return products, categories


def read_distractors(folder: str | os.PathLike | None) -> list[Cutout]:
    """Cut-outs without labels; none for None."""
    if folder is None:
        return []
    return [read_cutout(path, None, path.stem) for path in images_in(folder)]
