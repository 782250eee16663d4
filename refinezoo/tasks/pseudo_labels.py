"""Photos that another model labels before a training learns from them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.files import write_json


def labelled_by_teacher(task: Any, part: dict[str, Any], model: Any) -> Any:
    """A study's set of photos, with the labels of which another model is sure.

    Args:
        task: of the study.
        part: the set; its `pseudo_labels` has `teacher` (preset folder or zoo name), `photos`
            (files), `score_threshold` and `out` (a path without suffix).
        model: that trains on it.

    Raises:
        RefinezooError: a teacher of another kind or of other classes, or nothing that is sure.
    """
    from refinezoo import load
    from refinezoo.training.precision import training_precision

    said = part["pseudo_labels"]
    with training_precision("float32"):  # whatever the model trains in
        teacher = load(said["teacher"])
    if list(teacher.class_names) != list(model.class_names):
        raise RefinezooError(
            f"pseudo_labels.{part['name']}: expected a teacher of the study's classes, in their "
            f"order ({', '.join(model.class_names)}), received {', '.join(teacher.class_names)}."
        )
    threshold = said["score_threshold"] or task.sure_at
    if "digits" in part:
        data, summary = task.sure_of(teacher, task.read(part, model), threshold)
    else:
        photos = [Path(photo) for photo in said["photos"]]
        root, out = common_root(photos), Path(said["out"])
        found, summary = task.pseudo_label(teacher, photos, root, out, threshold)
        data = task.read({"name": part["name"], **found}, model)
    write_json(f"{said['out']}.json", summary)
    print(f"{part['name']}: kept {summary['kept']} of {summary['photos']} photos", flush=True)
    return data


def common_root(files: Sequence[Path]) -> Path:
    """The folder that holds all files, at whatever depth."""
    return Path(os.path.commonpath([file.absolute().parent for file in files]))


def check_kept(kept: int, photos: int, what: str, score_threshold: float) -> None:
    """Raises a RefinezooError where no photo is left."""
    if not kept:
        raise RefinezooError(
            f"expected photos in which the {what} is sure of something, received {photos} photos "
            f"without a score of {score_threshold}. Lower score_threshold, or train it longer."
        )
