"""What a model of any kind is worth on a labelled dataset, by the metrics of its kind's studies."""

import os
from operator import itemgetter
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare.tasks import task_class, task_named
from refinezoo.models.kind import answering_kind
from refinezoo.tasks.study import Measured


def evaluate(
    model: Any,
    dataset: str | os.PathLike,
    images: str | os.PathLike | None = None,
    *,
    settings: dict[str, Any] | None = None,
    page: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """Measures a model, or an exported file, on labelled photos.

    Args:
        model: of any kind that a study trains: a detector, segmenter, classifier, depth network...,
            or a refiner that trained one inside (PixelDA, T2Net).
        dataset: the labelled dataset: a folder of a layout in docs/datasets.md, or a COCO file.
        images: folder of the images of a COCO file, if they do not lie beside it.
        settings: of the task, as in a study; of depth `image_size`, at which images are seen, if
            the model does not say it.
        page: HTML file to write: truth and answer of each image, the worst first.

    Returns:
        `metrics` (name -> value), `lower_is_better` (names of metrics), `by_class` (class ->
        value of `class_metric`, of those that occur, the worst first), `rule` (how they are
        measured), `images` (how many), and `predictions`: detections as COCO results, or None.

    Raises:
        RefinezooError: the kind is not measured by labels, or the dataset cannot be read as what
            the model predicts.
    """
    task = _task_of(model, settings or {})
    path = Path(dataset)
    if not path.exists():
        raise RefinezooError(f"expected a labelled dataset, received {path}, which does not exist.")
    part = {"name": path.name, "annotations": str(path), "images": str(images or _beside(path))}
    data = task.read_test(part, model)
    measured = Measured(*task.evaluate(model, data))
    found = {
        "metrics": measured.metrics,
        "lower_is_better": [name for name in task.lower if name in measured.metrics],
        "by_class": dict(sorted(measured.by_class.items(), key=itemgetter(1))),
        "class_metric": task.class_metric,
        "rule": task.rule,
        "images": task.count(data),
        "predictions": measured.predictions,
    }
    if page is not None:
        from refinezoo.experiments.evaluation_page import write_evaluation_page

        write_evaluation_page(page, task, model, data, found)
    return found


def _beside(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _task_of(model: Any, settings: dict[str, Any]) -> Any:
    kind = answering_kind(model)
    if kind is None or not kind.task:
        what = f"a {kind.name}" if kind else type(model).__name__
        raise RefinezooError(
            "expected a model that labels measure (a detector, segmenter, depth network, "
            f"classifier ...), received {what}. What a refiner gains is measured by `refinezoo "
            "compare STUDY.yaml`: docs/studies.md."
        )
    own = task_class(kind.task).settings_of(model)
    try:
        return task_named(kind.task, {**own, **settings})
    except RefinezooError as error:
        if not task_class(kind.task).model_fields:
            raise
        raise RefinezooError(
            f"{error}\nSettings stand behind the dataset: `refinezoo evaluate MODEL DATASET "
            "'image_size=[96,128]'`."
        ) from None
