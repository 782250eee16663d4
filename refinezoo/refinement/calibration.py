r"""What a refiner does to the parts of the gate's score where labels stay true, and what is rare.

Each part $p$ of a refined image is compared with those of refined images whose labels are known to
be true: $z_p = (\ell(p) - m) / s$ with $\ell$ the logit, $m$ the median and $s$ the median less the
16 % quantile. Parts are hue, new edges and new colours of the background, and the edges and the
colour of every object, which are compared with those of objects of its size (three classes): small
ones vary more. The **rarity** is $\min_p z_p$: the worst local part decides, in units of what this
refiner does anyway. The threshold is the quantile of the calibration images that gives the false
alarms asked for.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.config import read_json
from refinezoo.errors import RefinezooError
from refinezoo.files import write_json
from refinezoo.refinement.fingerprint import model_name, weights_sha256
from refinezoo.refinement.score import GateScore

PARTS = ("hue", "background", "background_colour")
_SIZES = 3  # classes of objects
FORMAT = "refinezoo.gate/1"
LEAST = 20  # images
_SOFT = 0.01  # of the logit: 0 and 1 stay finite
_LEAST_SPREAD = 0.2


@dataclass(frozen=True)
class Calibration:
    """The parts of untouched refined images, and the rarity below which an image is refused.

    Attributes:
        middle: per part of `PARTS` the median of its logit.
        spread: per part the median less the 16 % quantile.
        sizes: shares of the image between which the classes of objects lie.
        object_middle: per class the medians of edges and colour.
        object_spread: per class their spreads.
        threshold: the rarity that `false_alarms` of the calibration images fall below.
        false_alarms: their share.
        images: how many there were.
        model: name of the refiner.
        weights_sha256: of its weights.
    """

    middle: dict[str, float]
    spread: dict[str, float]
    sizes: list[float]
    object_middle: list[list[float]]
    object_spread: list[list[float]]
    threshold: float
    false_alarms: float
    images: int
    model: str = ""
    weights_sha256: str = ""

    @classmethod
    def of(
        cls, scores: Sequence[GateScore], false_alarms: float = 0.05, **made: str
    ) -> "Calibration":
        """Fits the parts of untouched refined images.

        Raises:
            RefinezooError: fewer than 20 images, or a share that is none.
        """
        if len(scores) < LEAST:
            raise RefinezooError(
                f"expected at least {LEAST} images to calibrate a gate, received {len(scores)}; a "
                "few hundred hold the false alarms."
            )
        if not 0 < false_alarms < 1:
            raise RefinezooError(f"expected false alarms in (0, 1), received {false_alarms}.")
        middle, spread = _middle_and_spread(np.array([_of_image(score) for score in scores]))
        sizes, parts = (
            np.concatenate(some) for some in zip(*map(_of_objects, scores), strict=True)
        )
        edges = np.quantile(sizes, np.arange(1, _SIZES) / _SIZES)
        classes = np.digitize(sizes, edges)
        known = [
            _middle_and_spread(parts[classes == k] if (classes == k).any() else parts)
            for k in range(_SIZES)
        ]
        found = cls(
            dict(zip(PARTS, middle, strict=True)),
            dict(zip(PARTS, spread, strict=True)),
            edges.tolist(),
            [middle for middle, _ in known],
            [spread for _, spread in known],
            0.0,
            false_alarms,
            len(scores),
            **made,
        )
        rarities = [found.rarity(score) for score in scores]
        lowest = float(np.quantile(rarities, false_alarms, method="weibull"))
        return replace(found, threshold=round(lowest, 4))

    def rarity(self, score: GateScore) -> float:
        """How far the rarest part lies from what the refiner does anyway; below 0 it is worse."""
        middle, spread = ([known[part] for part in PARTS] for known in (self.middle, self.spread))
        image = (_of_image(score) - middle) / spread
        sizes, parts = _of_objects(score)
        classes = np.digitize(sizes, self.sizes)
        objects = (parts - np.array(self.object_middle)[classes]) / np.array(self.object_spread)[
            classes
        ]
        return float(min(image.min(), objects.min()))

    def save(self, path: str | os.PathLike) -> None:
        """Writes JSON."""
        write_json(Path(path), {"format": FORMAT, **asdict(self)})

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Calibration":
        """Reads what `save` wrote.

        Raises:
            RefinezooError: no such file, or no calibration.
        """
        content = read_json(path)
        try:
            if content.pop("format") != FORMAT:
                raise ValueError
            found = cls(**content)
            objects = [np.shape(found.object_middle), np.shape(found.object_spread)]
            if objects != [(_SIZES, 2)] * 2 or np.shape(found.sizes) != (_SIZES - 1,):
                raise ValueError
            spreads = np.array([*found.spread.values(), *np.ravel(found.object_spread)], float)
            numbers = [found.threshold, *found.sizes, *np.ravel(found.object_middle), *spreads]
            if not np.isfinite([*numbers, *map(found.middle.get, PARTS)]).all():
                raise ValueError
            if set(found.spread) != set(PARTS) or spreads.min() <= 0:
                raise ValueError
        except (AttributeError, KeyError, TypeError, ValueError):
            raise RefinezooError(
                f"{path}: expected what `refinezoo gate` writes, received {str(content)[:80]}."
            ) from None
        return found

    def check_model(self, refiner: Any) -> None:
        """Raises `RefinezooError` where another refiner was calibrated."""
        if self.weights_sha256 and self.weights_sha256 != weights_sha256(refiner):
            raise RefinezooError(
                f"expected a gate calibrated for {model_name(refiner)}, received one for "
                f"{self.model}, or for other weights of it. Calibrate again: refinezoo gate."
            )


def _of_image(score: GateScore) -> np.ndarray:
    return _logits([getattr(score, part) for part in PARTS])


def _of_objects(score: GateScore) -> tuple[np.ndarray, np.ndarray]:
    """Sizes [N] and logits of edges and colour [N, 2] of the objects."""
    rows = np.array(score.objects, float).reshape(-1, 3)
    return rows[:, 0], _logits(rows[:, 1:])


def _logits(values: Sequence[float] | np.ndarray) -> np.ndarray:
    shares = np.clip(np.asarray(values, float), 0.0, 1.0)
    return np.log((shares + _SOFT) / (1.0 - shares + _SOFT))


def _middle_and_spread(logits: np.ndarray) -> tuple[list[float], list[float]]:
    middle, low = np.quantile(logits, [0.5, 0.16], axis=0)
    spread = np.maximum(middle - low, _LEAST_SPREAD)
    return middle.round(4).tolist(), spread.round(4).tolist()
