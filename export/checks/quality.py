"""What a compressed file may lose against the float model: the gate of quantisation.

Refiners keep at least 35 dB of PSNR on real frames, detectors lose at most 0.01 of AP50, depth maps
change by at most 1 % in the mean and obstacle ranges by 2 %, segmenters lose at most 0.01 of mean
IoU on labelled images, or call at most 1 % of the pixels of unlabelled ones otherwise, classifiers
change no label of those frames and probabilities by at most 0.02 in the mean. These are limits of
this package, not of a paper.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.checks.photos import fitted, labelled_photos
from refinezoo.export.runtimes.exported import load_exported
from refinezoo.export.signatures.kind import kind_of

LEAST_PSNR = 35.0
MOST_AP50_LOST = 0.01
MOST_DEPTH_CHANGE = 0.01
MOST_RANGE_CHANGE = 0.02
MOST_IOU_LOST = 0.01
MOST_PIXELS_CHANGED = 0.01
MOST_PROBABILITY_CHANGE = 0.02
_HOLD_OUT_FROM = 8
_HOLD_OUT = 4
_MOST_FRAMES = 16


@dataclass(frozen=True)
class Quality:
    """What a file reached: metric, value, limit, on what, and whether that passes the gate."""

    metric: str
    value: float
    limit: float
    on: str
    passed: bool

    def as_dict(self) -> dict[str, Any]:
        """As the file's metadata holds it."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.4g} on {self.on} (limit {self.limit:g})"


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
        self.kind, self.evaluation = kind_of(model), evaluation
        if self.kind == "detector":
            self.dataset = labelled_photos(model, evaluation)
            self.ap50 = None if self.dataset is None else _ap50(model, self.dataset)

    @staticmethod
    def without_photos() -> Quality:
        """The quality of a detector's file that could not be measured."""
        return Quality("AP50 lost", float("nan"), MOST_AP50_LOST, "no labelled photos", False)

    def measure(self, path: str | os.PathLike) -> Quality:
        """The quality of an exported file."""
        if self.kind == "detector" and self.dataset is None:
            return self.without_photos()
        exported = load_exported(path)
        if self.kind == "detector":
            lost = self.ap50 - _ap50(exported, self.dataset)
            on = f"{len(self.dataset)} labelled photos"
            return Quality("AP50 lost", lost, MOST_AP50_LOST, on, lost <= MOST_AP50_LOST)
        size = exported.sizes[0]
        if self.kind == "segmenter" and self.evaluation is not None:
            lost, count = iou_lost(self.model, exported, self.evaluation, size)
            on = f"{count} labelled images"
            return Quality("mean IoU lost", lost, MOST_IOU_LOST, on, lost <= MOST_IOU_LOST)
        images = [fitted(self.model, frame, size) for frame in self.frames]
        on = f"{len(images)} frames"
        if self.kind == "depth":
            wanted = self.model.predict_depth(np.stack(images))
            change = relative_change(wanted, exported.predict_depth(np.stack(images)))
            passed = change <= MOST_DEPTH_CHANGE
            return Quality("relative change", change, MOST_DEPTH_CHANGE, on, passed)
        if self.kind == "range":
            wanted = self.model.predict_ranges(np.stack(images))
            change = relative_change(wanted, exported.predict_ranges(np.stack(images)))
            passed = change <= MOST_RANGE_CHANGE
            return Quality("relative change", change, MOST_RANGE_CHANGE, on, passed)
        if self.kind == "segmenter":
            wanted, given = self.model.segment(np.stack(images)), exported.segment(np.stack(images))
            change = float((wanted != given).mean())
            passed = change <= MOST_PIXELS_CHANGED
            return Quality("share of pixels changed", change, MOST_PIXELS_CHANGED, on, passed)
        if self.kind in ("classifier", "pose"):
            wanted = self.model.predict_probability(np.stack(images))
            given = exported.predict_probability(np.stack(images))
            change = float(np.abs(wanted - given).mean())
            passed = change <= MOST_PROBABILITY_CHANGE and bool(
                (wanted.argmax(-1) == given.argmax(-1)).all()
            )
            name = "change of probability"
            return Quality(name, change, MOST_PROBABILITY_CHANGE, on, passed)
        value = psnr(
            [self.model.refine(image) for image in images],
            [exported.refine(image) for image in images],
        )
        return Quality("PSNR dB", value, LEAST_PSNR, on, value >= LEAST_PSNR)

    def check(self, quality: Quality, option: str) -> None:
        """Raises unless `quality` passed or `force` was given."""
        if quality.passed or self.force:
            return
        if np.isnan(quality.value):
            raise RefinezooError(
                f"{option}: expected labelled photos with this detector's classes to measure what "
                "it loses, received none. Pass evaluation=CocoDataset.load(folder), or force=True."
            )
        raise RefinezooError(
            f"{option} reached {quality}, which is not enough; nothing was written. Give more "
            "calibration frames of what the model will see, take quantize='dynamic' or 'float16' "
            "(OpenVINO: precision='f32'), or pass force=True to write it all the same."
        )


def split(frames: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames to calibrate with and frames to measure on; the same ones if they are few."""
    frames = list(frames)
    if len(frames) < _HOLD_OUT_FROM:
        return frames, frames
    kept = [frame for i, frame in enumerate(frames) if i % _HOLD_OUT]
    return kept, frames[::_HOLD_OUT]


def dataset_path(evaluation: Any) -> str | None:
    """The file of a `CocoDataset`, so that another process can read it."""
    return None if evaluation is None else str(getattr(evaluation, "json_path", evaluation))


def psnr(wanted: Sequence[np.ndarray], given: Sequence[np.ndarray]) -> float:
    """Peak signal-to-noise ratio over all pixels of uint8 images, dB; infinite when equal."""
    squares = [
        np.square(a.astype(np.float64) - b).ravel() for a, b in zip(wanted, given, strict=True)
    ]
    mean = float(np.concatenate(squares).mean())
    return float("inf") if mean == 0 else 10 * float(np.log10(255**2 / mean))


def relative_change(wanted: np.ndarray, given: np.ndarray) -> float:
    """Mean of |given - wanted| / wanted over depth maps."""
    return float(np.mean(np.abs(given - wanted) / np.maximum(wanted, 1e-3)))


def iou_lost(
    model: Any, exported: Any, folder: str | os.PathLike, size: Sequence[int]
) -> tuple[float, int]:
    """Mean IoU of a segmenter minus that of its file on labelled images, and their number.

    Args:
        model: the Keras model.
        exported: the file.
        folder: holds `images/` and `masks/`.
        size: height and width to reduce them to.
    """
    from refinezoo.data import read_segmentation_folder
    from refinezoo.metrics.segmentation import confusion_matrix, segmentation_metrics

    labelled = read_segmentation_folder(folder, (size[0], size[1]))
    images, masks = labelled["image"], labelled["class_ids"]
    tables = [
        confusion_matrix(masks, each.segment(images), len(model.class_names), model.ignore_id)
        for each in (model, exported)
    ]
    wanted, given = (segmentation_metrics(table, model.class_names) for table in tables)
    return wanted["mean_iou"] - given["mean_iou"], len(images)


def _ap50(detector: Any, dataset: Any) -> float:
    return float(detector.evaluate_coco(dataset)["AP50"])
