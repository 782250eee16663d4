"""The label-preservation gate: keep, blend or drop a refined image by its score (`score.py`)."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.refinement.calibration import Calibration
from refinezoo.refinement.score import GateScore, Scorer
from refinezoo.refinement.teacher import Teacher

ACTIONS = ("keep", "blend", "drop")
_BLENDS = (0.8, 0.6, 0.45, 0.3, 0.2, 0.1)  # shares of the asked strength, tried in this order


@dataclass(frozen=True)
class Gate:
    """What to do with an image whose labels may no longer be true.

    Args:
        keep: score from which an image is taken as it is.
        drop: score below which its refinement is not used: the source file takes its place, because
            the annotations, carried byte for byte, still name it. The manifest lists it as dropped.
        action: for scores below `keep` and from `drop` on: `"keep"` only notes it (also below
            `drop`), `"blend"` lowers the strength until the score reaches `keep`, else drops;
            `"drop"` drops.
        calibration: of the refiner (`calibrate_gate`, or `refinezoo gate`). It decides instead of
            `keep` and `drop`: an image is good whose rarest part is no rarer than the threshold.
        teacher: has the last word in `refine_dataset`: a refinement that it does not agree to is
            dropped (`"keep"` notes it, `"blend"` tries no lower strength).
    """

    keep: float = 0.4
    drop: float = 0.2
    action: Literal["keep", "blend", "drop"] = "blend"
    calibration: Calibration | None = None
    teacher: Teacher | None = None

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise RefinezooError(f"expected action of {ACTIONS}, received {self.action!r}.")
        if not 0.0 <= self.drop <= self.keep <= 1.0:
            raise RefinezooError(
                f"expected 0 <= drop <= keep <= 1, received drop={self.drop}, keep={self.keep}."
            )

    def judge(
        self,
        source: np.ndarray,
        refined: np.ndarray,
        boxes_xyxy: np.ndarray | None = None,
        foreground_mask: np.ndarray | None = None,
        under: np.ndarray | None = None,
    ) -> tuple[str, float, GateScore]:
        """Scores a refined image and decides.

        Args:
            source: the render, uint8 `[H, W, 3]`.
            refined: uint8 of the same shape.
            boxes_xyxy: float `[N, 4]`, pixels, or None.
            foreground_mask: float `[H, W]`, 1 = object, or None.
            under: what was painted over, towards which it is blended; None is `source`.

        Returns:
            The verdict (`"keep"`, `"flag"`, `"blend"` or `"drop"`), the share of the difference to
            keep (1, less for blend, 0 for drop), and the score of the image as refined.
        """
        scorer = Scorer(source, boxes_xyxy, foreground_mask)
        score = scorer.score(refined)
        if self.passes(score):
            return "keep", 1.0, score
        if self.action == "keep":
            return "flag", 1.0, score
        hopeless = self.calibration is None and score.score < self.drop
        if self.action == "drop" or hopeless:
            return "drop", 0.0, score
        for share in _BLENDS:
            if self.passes(scorer.score(blend(source if under is None else under, refined, share))):
                return "blend", share, score
        return "drop", 0.0, score

    def settings(self) -> dict[str, Any]:
        """What an image's verdict depends on, as a manifest keeps it."""
        known = asdict(replace(self, teacher=None))
        known.pop("teacher")
        return known if self.teacher is None else {**known, "teacher": self.teacher.settings()}

    def passes(self, score: GateScore) -> bool:
        """Whether an image of that score is taken as it is."""
        if self.calibration is not None:
            return self.calibration.rarity(score) >= self.calibration.threshold
        return score.score >= self.keep


def blend(source: np.ndarray, refined: np.ndarray, strength: float | np.ndarray) -> np.ndarray:
    """`source + strength (refined - source)`, rounded; uint8. A strength of 1 returns `refined`."""
    mixed = source + strength * (refined.astype(np.float32) - source)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
