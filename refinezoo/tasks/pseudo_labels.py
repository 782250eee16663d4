"""Photos that another model labels before a training learns from them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.errors import RefinezooError
from refinezoo.files import write_json

SUMMARY = "pseudo_labels.json"  # in a training's folder: what its teachers were sure of


class ShownFiles(Sequence[Path]):
    """Files with a progress bar whenever they are gone through one by one."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: Any) -> Any:
        found = self.files[index]
        return ShownFiles(found) if isinstance(index, slice) else found

    def __iter__(self) -> Iterator[Path]:
        from rich.progress import track

        return iter(track(self.files, "looking at photos", transient=True))


def labelled_by_teacher(task: Any, part: dict[str, Any], model: Any) -> Any:
    """A study's set of photos, with the labels of which another model is sure.

    Args:
        task: of the study.
        part: the set; its `pseudo_labels` has `teacher` (preset folder or zoo name), `photos`
            (files), `score_threshold` and `out` (the dataset's folder).
        model: that trains on it.

    Raises:
        RefinezooError: a teacher of another kind or of other classes, or nothing that is sure.
    """
    from refinezoo import load
    from refinezoo.training.precision import training_precision

    said, name = part["pseudo_labels"], part["name"]
    with training_precision("float32"):  # whatever the model trains in
        teacher = load(said["teacher"])
    check_classes(name, teacher, model.class_names)
    threshold, out = said["score_threshold"] or task.sure_at, Path(said["out"])
    if "digits" in part:
        data, summary = task.sure_of(teacher, task.read(part, model), threshold)
    else:
        photos = [Path(photo) for photo in said["photos"]]
        file, summary = task.pseudo_label(teacher, photos, out, threshold)
        data = task.read({"name": name, "annotations": str(file), "images": str(out)}, model)
    path = out.parent.parent / SUMMARY
    write_json(path, {**(read_json(path) if path.is_file() else {}), name: summary})
    print(f"{name}: kept {summary['kept']} of {summary['photos']} photos", flush=True)
    return data


def check_classes(name: str, teacher: Any, class_names: list[str]) -> None:
    """Raises a RefinezooError for a teacher of other classes, or of another order of them."""
    if list(teacher.class_names) != list(class_names):
        raise RefinezooError(
            f"pseudo_labels.{name}: expected a teacher of the study's classes, in their order "
            f"({', '.join(class_names)}), received one of {len(teacher.class_names)} "
            f"({', '.join(teacher.class_names[:5])}, ...)."
        )


def check_kept(kept: int, photos: int, what: str, score_threshold: float) -> None:
    """Raises a RefinezooError where no photo is left."""
    if not kept:
        raise RefinezooError(
            f"expected photos in which the {what} is sure of something, received {photos} photos "
            f"without a score of {score_threshold}. Lower score_threshold, or train it longer."
        )
