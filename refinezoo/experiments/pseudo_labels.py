"""Pseudo-labels: photos that nobody labelled, with what a trained model is sure of in them.

A model trained on refined renders labels photos of the target; the next one trains on renders and
on these photos. What it is not sure of takes no part: it is neither class nor background.

References:
    Lee, Pseudo-Label, ICML workshop on challenges in representation learning, 2013.
    Li et al., Bidirectional learning for domain adaptation, CVPR 2019: with a refiner.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refinezoo.data.formats import list_images
from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare.tasks import task_class, task_named
from refinezoo.models.kind import answering_kind
from refinezoo.models.registry import kinds
from refinezoo.paths import check_apart
from refinezoo.tasks.pseudo_labels import ShownFiles


def pseudo_labels(
    model: Any,
    photos: str | os.PathLike | Sequence[Path],
    out: str | os.PathLike,
    *,
    score_threshold: float | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes photos with the labels of which a model is sure, as a dataset to train on.

    - A detector's are `annotations.json` (COCO) and `images/`; of boxes that overlap by half,
      whatever their classes, the surest stays, photos without a sure box are left out, and other
      places are `ignore_regions`. Where `out` ends in `.json`, the COCO file alone: its file names
      are relative to the folder `photos`, or the nearest one that holds all.
    - A segmenter's are `images/` and `masks/` at the model's `image_size`. A pixel
      keeps its class if its score reaches the threshold, or the median score of its class, if that
      is lower: else classes of which no pixel is sure would be lost. The rest has `ignore_id`.
    - A classifier's are a folder of photos for each class, a pose tower's `images/` with
      `poses.json`, at its `image_size`.

    Photos in the folder are called by their numbers in the order of `photos`. A study makes such a
    set by itself (`pseudo_labels` in its file) or takes it among its `sets`.

    Args:
        model: a detector, segmenter, classifier or pose tower, or PixelDA with one; an exported one
            of a fixed size, but for segmenters.
        photos: folder or pattern of photos, or files.
        out: the folder to write; of a detector also a JSON file.
        score_threshold: least score, in (0, 1]; by default 0.7 of boxes, 0.9 of pixels and classes.
        progress: show a progress bar.

    Returns:
        `photos` (how many were looked at), `kept`, and what was labelled, {class name: how many}:
        `boxes`, `pixels` or `images`.

    Raises:
        RefinezooError: a model whose answers have no score, no photos, a threshold outside of
            (0, 1], nothing that is sure, or an `out` that others made, or that holds the photos.
    """
    task = _labelling_task(answering_kind(model))
    threshold = task.sure_at if score_threshold is None else score_threshold
    if not isinstance(threshold, int | float) or not 0.0 < threshold <= 1.0:
        raise RefinezooError(f"expected score_threshold in (0, 1], received {score_threshold!r}.")
    named = list_images(photos) if isinstance(photos, str | os.PathLike) else photos
    files = [Path(file) for file in dict.fromkeys(map(os.path.abspath, named))]
    if not files:
        raise RefinezooError("expected photos, received an empty list.")
    place = Path(os.path.abspath(out))
    looked_at = ShownFiles(files) if progress else files
    given = photos if isinstance(photos, str | os.PathLike) and os.path.isdir(photos) else None
    if place.suffix == ".json":
        root = given or os.path.commonpath([file.parent for file in files])
        return _boxes_alone(model, task, looked_at, Path(os.path.abspath(root)), place, threshold)
    if given:
        check_apart(given, place)
    if inside := [file for file in files if file.is_relative_to(place)]:
        raise RefinezooError(
            f"expected photos outside of {str(out)!r}, which is replaced, received {inside[0]}. "
            "Give another out."
        )
    return task.pseudo_label(model, looked_at, place, threshold)[1]


def _boxes_alone(
    model: Any, task: Any, files: Sequence[Path], root: Path, out: Path, score_threshold: float
) -> dict[str, Any]:
    """The COCO file of a detector without copies of the photos, named below `root`."""
    from refinezoo.tasks.detection.pseudo_labels import check_own, sure_boxes, write_beside

    if "coco" not in task.ways:
        raise RefinezooError(
            f"expected a folder to write, received {str(out)!r}: only boxes are one file. Give "
            f"{str(out.with_suffix(''))!r}."
        )
    check_own(out)  # before minutes of work
    coco, kept, summary = sure_boxes(model, files, score_threshold)
    write_beside(out, coco, kept, root)
    return summary


def _labelling_task(kind: Any) -> Any:
    """The task of a kind of model that can label photos.

    Raises:
        RefinezooError: answers of the kind have no score.
    """
    if not kind or not _scored(kind):
        known = sorted(each.name for each in kinds().values() if _scored(each))
        raise RefinezooError(
            f"expected a model of the kinds {', '.join(known)}, received "
            f"{f'one of {kind.name}' if kind else 'another object'}, whose answers do not say how "
            "sure they are. Give such a model's preset or zoo name (`refinezoo list`)."
        )
    return task_named(kind.task)


def _scored(kind: Any) -> bool:
    return bool(kind.task and kind.study) and task_class(kind.task).sure_at is not None
