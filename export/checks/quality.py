"""What a compressed file may lose against the float model: the gate of quantisation.

Each kind says its own limit (`Kind.gate`, `Kind.label_score`). They are limits of this package,
not of a paper.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.checks.photos import fitted
from refinezoo.export.runtimes.exported import open_exported
from refinezoo.models.kind import Quality

_HOLD_OUT_FROM = 8
_HOLD_OUT = 4
_MOST_FRAMES = 16


class QualityGate:
    """Measures exported files against the float model.

    Args:
        model: the Keras model.
        frames: uint8 `[H, W, 3]` each; from eight on every fourth measures, the others calibrate.
        evaluation: `CocoDataset`, or its folder, for a detector; None takes the packaged photos.
            For a segmenter a folder with `images/` and `masks/`, or None.
        force: let everything pass.

    Attributes:
        calibration: the frames that are left to calibrate with.
    """

    def __init__(
        self, model: Any, frames: Sequence[np.ndarray], evaluation: Any = None, force: bool = False
    ):
        self.model, self.force = model, force
        self.calibration, held_out = split(frames)
        self.frames = held_out[:_MOST_FRAMES]
        self.labelled = model.kind.labelled(model, evaluation)
        self.score = None
        if self.labelled is not None:
            self.score = model.kind.score(model, self.labelled)

    def measure(self, path: str | os.PathLike) -> Quality:
        """The quality of an exported file."""
        exported, kind = open_exported(path), self.model.kind
        if self.score is not None:
            return kind.quality_by_labels(self.score, exported, self.labelled)
        size = exported.sizes[0]
        images = np.stack([fitted(self.model, frame, size) for frame in self.frames])
        return kind.quality(self.model, exported, images)

    def check(self, quality: Quality, precision: str, precisions: Sequence[str]) -> None:
        """Raises unless `quality` passed or `force` was given; advises another of `precisions`."""
        if quality.passed or self.force:
            return
        if np.isnan(quality.value):
            raise RefinezooError(
                f"{precision}: expected labelled photos with this detector's classes to measure "
                "what it loses, received none. Pass evaluation=FOLDER (--evaluation FOLDER), or "
                "force=True (--force) to write it unmeasured."
            )
        others = " or ".join(each for each in precisions if each != precision)
        raise RefinezooError(
            f"{precision} reached {quality}, which is not enough; nothing was written. Give more "
            f"calibration frames of what the model will see (--calibration), take {others}, or "
            "pass force=True (--force) to write it all the same."
        )


def split(frames: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames to calibrate with and frames to measure on; the same ones if they are few."""
    frames = list(frames)
    if len(frames) < _HOLD_OUT_FROM:
        return frames, frames
    kept = [frame for i, frame in enumerate(frames) if i % _HOLD_OUT]
    return kept, frames[::_HOLD_OUT]
