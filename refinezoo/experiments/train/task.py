"""`train` of a task's model: a labelled dataset in; a run folder with its preset out."""

import time
from pathlib import Path
from typing import Any

from pydantic import Field

from refinezoo.config import Strict
from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare.schema import ModelSection, TrainingSection
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.experiments.train.run_folder import busy, claim, summary
from refinezoo.files import locked_folder, write_json
from refinezoo.models.limits import within_limits
from refinezoo.tasks.study import Measured


class TrainedModel(ModelSection):
    """As in a study, but for a name."""

    name: str = ""


class TaskTraining(Strict):
    """One training run of a downstream model: a detector, segmenter, classifier and so on.

    Paths are relative to the folder in which the command runs. `model`, `training` and `settings`
    are those of a study (docs/studies.md), which trains its arms in the same way.
    """

    model: TrainedModel
    data: str = Field(description="labelled folder (docs/datasets.md) or COCO file to train on")
    test: str | None = Field(default=None, description="another, to measure on at the end")
    settings: dict[str, Any] = Field(default={}, description="of the task")
    training: TrainingSection
    seed: int = Field(default=0, ge=0)
    out: str = Field(description="folder of the run; an unfinished run there is resumed")


def train_task(config: TaskTraining) -> Path:
    """Trains the model that `config` describes, and measures it on `test`.

    The run folder holds `config.yaml` (as resolved), the last checkpoint until the end, `preset/`
    and `summary.json` (metrics, minutes, hardware).

    Returns:
        The preset folder.

    Raises:
        RefinezooError: bad data or config, a loss that is no number, or a folder that holds
            another run.
    """
    out = Path(config.out)
    preset = out / "preset"
    task, spec = task_and_spec(config)
    with locked_folder(out, busy(out)):
        claim(config, out)
        if not ((out / "summary.json").is_file() and preset.is_dir()):
            from refinezoo.training.precision import training_precision

            started = time.monotonic()
            with training_precision(config.training.precision):
                metrics = _trained(task, spec, out, preset, measured=config.test is not None)
            write_json(out / "summary.json", {"metrics": metrics, **summary(started)})
    return preset


def task_and_spec(config: TaskTraining) -> tuple[Any, dict[str, Any]]:
    """The task and what it is to prepare, checked."""
    task = task_named(config.model.task, config.settings)
    spec: dict[str, Any] = {
        "model": config.model.model_dump(by_alias=True),
        "training": config.training.model_dump(),
        "sets": [{**_located(config.data, "data"), "share": 1.0}],
        "test": _located(config.test or config.data, "test"),
        "seed": config.seed,
    }
    task.check(spec["model"], spec["training"])
    return task, spec


def _trained(
    task: Any, spec: dict[str, Any], out: Path, preset: Path, *, measured: bool
) -> dict[str, float]:
    """Fits the model, saves it and gives its metrics, if any are asked for."""
    import keras

    from refinezoo.experiments.checkpoint import Checkpoint
    from refinezoo.experiments.compare.training import prepare, train

    keras.utils.set_random_seed(spec["seed"])
    with within_limits("model.config"):
        model, fitted, batches = prepare(task, spec)
    train(fitted, batches, spec["training"], out / "backup")
    model.save_to_preset(preset)
    test = task.read_test(spec["test"], model) if measured else None
    metrics = Measured(*task.evaluate(model, test)).metrics if measured else {}
    Checkpoint(out / "backup").remove()
    return metrics


def _located(source: str, key: str) -> dict[str, str]:
    """A labelled dataset as a task reads it."""
    from refinezoo.data.coco_images import dataset_root

    path = Path(source)
    if not path.exists():
        raise RefinezooError(f"{key}: expected an existing path, received {source!r}.")
    annotations = path / "annotations.json" if (path / "annotations.json").is_file() else path
    images = annotations if annotations.is_dir() else dataset_root(annotations)
    return {"name": key, "annotations": str(annotations), "images": str(images)}
