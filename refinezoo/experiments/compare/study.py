"""`compare_downstream`: a study file in; a table, plots, a page and results.json out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.experiments.compare.measures import measure_sets
from refinezoo.experiments.compare.outcome import recipe_of, references, write_results
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.scheduler import Failure, Training, log_tail, run_all
from refinezoo.experiments.compare.schema import Study, read_study
from refinezoo.experiments.compare.set_schema import ALL_WAYS, check_ways
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.experiments.compare.trainings import Trainings, initial_weights, start_of
from refinezoo.files import locked_folder, sha256

if TYPE_CHECKING:
    from refinezoo.tasks.study import Task


def compare_downstream(
    study_yaml: str | os.PathLike,
    *,
    jobs: int = 1,
    data: str | os.PathLike | None = None,
    out: str | os.PathLike | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Trains one downstream model on each arm's sets with each seed and compares them.

    Every arm gets the same model, the same number of steps and the same test set; the weights
    after the last step are measured. What is finished is never done twice: sets, and arms per
    seed, are reused as long as their recipe and data are the same.

    Args:
        study_yaml: the study file; `experiments.compare.schema` says what it may contain.
        jobs: trainings at a time, each a process with cores // jobs threads.
        data: the root of the file's relative data paths; replaces `data.root`.
        out: the folder of the run; replaces `out` of the file.
        progress: whether to print what happens.

    Returns:
        What results.json says: study, recipe and one row per arm and metric.

    Raises:
        RefinezooError: the file or the data are not as expected, another run uses the folder, or
            trainings failed (the others are finished and recorded first).
    """
    if jobs < 1:
        raise RefinezooError(f"expected jobs of at least 1, received {jobs}.")
    say: Callable[[str], None] = (lambda line: print(line, flush=True)) if progress else _silent
    started = time.monotonic()
    study = read_study(study_yaml)
    file = {"name": Path(study_yaml).name, "sha256": sha256(study_yaml)}
    task = _checked_task(study)
    folder = Path(out or study.out or Path("runs") / "studies" / study.study)
    root = Path(data if data is not None else study.data.root or ".")
    if not root.is_dir():
        raise RefinezooError(
            f"expected the data root to be a folder, received {str(root)!r}. "
            "Set data.root in the study file or give --data."
        )
    busy = (
        f"another refinezoo compare is running in {str(folder)!r}. "
        "Wait for it, or give another folder with --out."
    )
    _check_starts(study)
    with locked_folder(folder, busy):
        preparation = Preparation(study, folder, root, say)
        test = preparation.test()
        sets = preparation.sets()
        measures = measure_sets(preparation, sets, study.measure_images)
        trainings = Trainings(study, folder, sets, test).all()
        missing = [training for training in trainings if not training.finished()]
        for training in trainings:
            if training not in missing:  # killed after its result, before it tidied up
                for left in training.folder.glob("backup_*"):
                    Checkpoint(left).remove()
        if len(missing) < len(trainings):
            say(f"{len(trainings) - len(missing)} of {len(trainings)} trainings are finished")
        failures = run_all(missing, jobs, say)
        failures += _without_result(missing, failures)
        recipe = recipe_of(
            study, study_yaml, jobs, " --data DATA" if data else "", sets, test, trainings, failures
        )
        recipe["study_file"] = file
        recipe["metric_rule"] = task.rule
        if measures:
            recipe["sets_measured"] = measures
        if found := references(study, task, folder, sets, test):
            recipe["references"] = found
        recipe["wall_seconds_of_this_call"] = round(time.monotonic() - started, 1)
        results = write_results(study, task, folder, recipe, trainings, say)
    if failures:
        raise RefinezooError(_worded(failures, folder))
    return results


def _without_result(trainings: list[Training], failures: list[Failure]) -> list[Failure]:
    told = [failure.training for failure in failures]
    return [
        Failure(training, 0, log_tail(training.log))
        for training in trainings
        if training not in told and not training.finished()
    ]


def _checked_task(study: Study) -> Task:
    """The study's task, which can make what is asked; metrics that are not named are its first."""
    task = task_named(study.model.task, study.settings)
    task.check(study.model.model_dump(by_alias=True), study.training.model_dump())
    check_ways(study, task.ways or ALL_WAYS)
    if study.pseudo_labels and task.sure_at is None:
        raise RefinezooError(
            f"pseudo_labels: expected a study of what says how sure it is, received the task "
            f"{study.model.task}, whose answers have no score. Leave pseudo_labels out."
        )
    known = task.metrics
    study.metrics = study.metrics or list(known[:2])
    for name in study.metrics:
        if name not in known:
            raise RefinezooError(
                f"metrics: {name!r} is not measured by the task {study.model.task} "
                f"({', '.join(known)}).{did_you_mean(name, known)}"
            )
    return task


def _check_starts(study: Study) -> None:
    """Before hours of work: is there what the trainings start from?"""
    for seed in study.seeds:
        try:
            initial_weights(start_of(study, seed))
        except RefinezooError as error:
            raise RefinezooError(f"model.init: {error}") from None


def _worded(failures: list[Failure], folder: Path) -> str:
    lines = [
        f"{len(failures)} trainings failed; the others are finished and in "
        f"{folder / 'results.json'}. Run the same command again to try only these:"
    ]
    for failure in failures:
        last = _telling(failure.tail)
        how = f"exit status {failure.returncode}, log {failure.training.log}"
        lines.append(f"- {failure.training.title}{f' ({how})' if failure.started else ''}: {last}")
    return "\n".join(lines)


def _telling(tail: list[str]) -> str:
    """The line of a log's end that says most: the last that names an error."""
    named = [line.strip() for line in tail if "error" in line.lower()]
    return (named or tail or ["it printed nothing"])[-1].strip()


def _silent(line: str) -> None:
    return None
