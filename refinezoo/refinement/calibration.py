r"""What a refiner does to the parts of the gate's score where labels stay true, and what is rare.

Each part $p$ of a refined image is compared with those of refined images whose labels are known to
be true: $z_p = (\ell(p) - \mathrm{median}) / s$ with $\ell$ the logit and $s$ the median less the
16 % quantile. The **rarity** is $\min_p z_p$: the worst local part decides, in units of what this
refiner does anyway. The threshold is the quantile of the calibration images that gives the false
alarms asked for.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.config import read_json
from refinezoo.errors import RefinezooError
from refinezoo.files import write_json
from refinezoo.refinement.fingerprint import model_name, weights_sha256
from refinezoo.refinement.score import GateScore

PARTS = ("structure", "hue", "contrast", "worst_object", "background", "worst_colour")
FORMAT = "refinezoo.gate/1"
LEAST = 20  # images
_SOFT = 0.01  # of the logit: 0 and 1 stay finite
_LEAST_SPREAD = 0.2


@dataclass(frozen=True)
class Calibration:
    """The parts of untouched refined images, and the rarity below which an image is refused.

    Attributes:
        middle: per part the median of its logit.
        spread: per part the median less the 16 % quantile.
        threshold: the rarity that `false_alarms` of the calibration images fall below.
        false_alarms: their share.
        images: how many there were.
        model: name of the refiner.
        weights_sha256: of its weights.
    """

    middle: dict[str, float]
    spread: dict[str, float]
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
        logits = np.array([_logits(score) for score in scores])
        middle, low = np.quantile(logits, [0.5, 0.16], axis=0)
        spread = np.maximum(middle - low, _LEAST_SPREAD)
        rarities = ((logits - middle) / spread).min(axis=1)
        return cls(
            dict(zip(PARTS, middle.round(4).tolist(), strict=True)),
            dict(zip(PARTS, spread.round(4).tolist(), strict=True)),
            round(float(np.quantile(rarities, false_alarms, method="weibull")), 4),
            false_alarms,
            len(scores),
            **made,
        )

    def rarity(self, score: GateScore) -> float:
        """How far the rarest part lies from what the refiner does anyway; below 0 it is worse."""
        parts = zip(_logits(score), PARTS, strict=True)
        return float(min((value - self.middle[p]) / self.spread[p] for value, p in parts))

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
            numbers = [found.middle[p] for p in PARTS] + [found.spread[p] for p in PARTS]
            if not np.isfinite([*numbers, found.threshold]).all():
                raise ValueError
            if min(found.spread[p] for p in PARTS) <= 0:
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


def _logits(score: GateScore) -> list[float]:
    values = [min(max(float(getattr(score, part)), 0.0), 1.0) for part in PARTS]
    return [float(np.log((value + _SOFT) / (1.0 - value + _SOFT))) for value in values]
