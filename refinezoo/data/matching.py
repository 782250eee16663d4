"""Pairs of crops of alike content, so that a discriminator cannot tell domains by their layout.

Where streets have bare trees on one side only, a discriminator tells them by the trees, and all
that a generator can do is paint haze over them. Each crop of a render is shown with a crop of a
photo that a network finds alike; crops without a counterpart are not shown.

Reference: Richter et al., Enhancing Photorealism Enhancement, arXiv 2105.04619, section 3.4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from refinezoo.data.image_size import largest_window
from refinezoo.errors import RefinezooError
from refinezoo.renames import renamed

GRID = 64  # cells, in height and width, on which the positions of crops are counted
CHUNK = 2048


@dataclass(frozen=True)
class MatchedCrops:
    """How crops are made and matched.

    Attributes:
        describe: uint8 `[N, H, W, 3]` to float `[N, D]`: what a crop shows
            (`refinezoo.refiners.judged.crop_descriptor` makes one of ImageNet features).
        window: a crop's sides, as a share of those of the largest that its image holds.
        per_image: crops of each image.
        neighbours: the most alike crops of photos from which each crop of a render draws.
        distance: the farthest of them. Descriptors are normalised by mean and deviation of their
            own domain and have length 1: 0 is alike, 1.4 unrelated, 2 opposite.
        batch_size: crops per call of `describe`.
    """

    describe: Callable[[np.ndarray], np.ndarray]
    window: float = 0.5
    per_image: int = 15
    neighbours: int = 10
    distance: float = 1.0
    batch_size: int = 32

    def __post_init__(self) -> None:
        counts = (self.per_image, self.neighbours, self.batch_size)
        if not callable(self.describe) or not 0.0 < self.window <= 1.0 or min(counts) < 1:
            raise RefinezooError(
                "expected describe as a function of crops, window in (0, 1] and per_image, "
                f"neighbours and batch_size of 1 or more, received {self}."
            )


MatchedCrops.__init__ = renamed(per_picture="per_image")(  # type: ignore[method-assign]
    MatchedCrops.__init__
)


class Matches:
    """The crops of both domains, which of them are alike, and how often each is drawn.

    Crop i of a render is drawn in proportion to max d / mean d under it, d the number of matched
    crops over each position of the frame: what is rare in the images is not rare in the training.

    Args:
        images: those of the renders and those of the photos: sequences of dicts with `"image"`,
            uint8 `[h, w, 3]`, and `.items`, their names.
        settings: see `MatchedCrops`.
        cut: (image, window) to a crop uint8 `[H, W, 3]`.
        image_size: H and W, pixels.
        seed: of the windows and the draws.

    Raises:
        RefinezooError: no crop has a counterpart, or `describe` gives something else.
    """

    def __init__(
        self,
        images: Any,
        settings: MatchedCrops,
        cut: Callable[[np.ndarray, tuple], np.ndarray],
        image_size: tuple[int, int],
        seed: int,
    ) -> None:
        self.settings, self.image_size, self.seed = settings, image_size, seed
        self.names = [[str(item) for item in domain.items] for domain in images]
        described = [self._described(domain, k, cut) for k, domain in enumerate(images)]
        self.crops = [crops for crops, _ in described]
        renders, photos = (normalised(found) for _, found in described)
        self.near, self.distances = nearest(renders, photos, settings.neighbours)
        self.alike = self.distances < settings.distance
        self.matched = np.flatnonzero(self.alike[:, 0])
        if not self.matched.size:
            raise RefinezooError(
                f"expected crops of renders and photos nearer than distance={settings.distance}, "
                f"received none of {len(self.near)} (the nearest is {self.distances.min():.2f}). "
                "Show images of alike content, raise distance or per_image, make the window "
                "smaller, or train without matched crops."
            )
        density = np.zeros((GRID, GRID))
        cells = [self._cells(self.crops[0][i], images[0]) for i in self.matched]
        for each in cells:
            density[each] += 1
        weights = np.array([density.max() / density[each].mean() for each in cells])
        self.cumulated = np.cumsum(weights / weights.sum())

    def draw(self, domain: int, t: int) -> tuple[int, tuple[int, int, int, int]]:
        """Image and window (y, x, height, width) of sample t; the two domains' are alike."""
        random = np.random.default_rng([self.seed, 1 << 34, t])
        last = len(self.matched) - 1
        i = self.matched[min(int(np.searchsorted(self.cumulated, random.random())), last)]
        if domain == 0:
            return self.crops[0][i]
        return self.crops[1][self.near[i, random.integers(self.alike[i].sum())]]

    def report(self) -> dict[str, Any]:
        """What has a counterpart and what has none.

        Returns:
            `crops` and `without`, counts of crops per domain (a photo's has none if no render's
            crop draws it); `images_without`, the images of which no crop has one;
            `median_distance` of the nearest.
        """
        drawn = np.unique(self.near[self.alike])
        out: dict[str, Any] = {"median_distance": float(np.median(self.distances[:, 0]))}
        for domain, used in zip(("synthetic", "real"), (self.matched, drawn), strict=True):
            k = 0 if domain == "synthetic" else 1
            seen = {self.crops[k][i][0] for i in used}
            out[domain] = {
                "crops": len(self.crops[k]),
                "without": len(self.crops[k]) - len(used),
                "images_without": [name for i, name in enumerate(self.names[k]) if i not in seen],
            }
        return out

    def _described(self, domain, k, cut):
        settings, crops, found, waiting = self.settings, [], [], []
        for index in range(len(domain)):
            image = domain[index]["image"]
            height, width = image.shape[:2]
            h, w = (
                max(1, round(settings.window * side))
                for side in largest_window(height, width, self.image_size)
            )
            random = np.random.default_rng([self.seed, 1 << 35, k, index])
            for _ in range(settings.per_image):
                y, x = int(random.integers(height - h + 1)), int(random.integers(width - w + 1))
                crops.append((index, (y, x, h, w)))
                waiting.append(cut(image, crops[-1][1]))
            while len(waiting) >= settings.batch_size or (waiting and index == len(domain) - 1):
                part, waiting = waiting[: settings.batch_size], waiting[settings.batch_size :]
                found.append(np.asarray(settings.describe(np.stack(part)), "float32"))
                if found[-1].ndim != 2 or len(found[-1]) != len(part):
                    raise RefinezooError(
                        f"expected describe to give [{len(part)}, D], one row per crop, received "
                        f"{list(found[-1].shape)}."
                    )
        return crops, np.concatenate(found)

    def _cells(self, crop, images):
        index, (y, x, h, w) = crop
        height, width = images[index]["image"].shape[:2]
        cells = []
        for first, side, length in ((y, h, height), (x, w, width)):
            start, stop = (int(edge * GRID / length) for edge in (first, first + side))
            cells.append(slice(start, max(stop, start + 1)))
        return tuple(cells)


def normalised(descriptors: np.ndarray) -> np.ndarray:
    """Rows less their mean, over their deviation, at length 1; zero where all rows are equal."""
    centred = (descriptors - descriptors.mean(axis=0)) / (descriptors.std(axis=0) + 1e-6)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)


def nearest(rows: np.ndarray, others: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of `others` `[M, D]` to each of `rows` `[N, D]`: indices and distances `[N, k]`.

    Rows of length 1, or zero; the nearest first; k is `neighbours`, or M if that is less.
    """
    count = min(neighbours, len(others))
    indices, distances = [], []
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        squared = 2.0 - 2.0 * part @ others.T  # of length 1; a zero is unrelated to all
        nearest_first = np.argsort(squared, axis=1, kind="stable")[:, :count]
        indices.append(nearest_first)
        distances.append(np.sqrt(np.maximum(np.take_along_axis(squared, nearest_first, 1), 0.0)))
    return np.concatenate(indices), np.concatenate(distances)
