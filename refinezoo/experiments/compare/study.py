"""`compare_downstream`: a study file in; a table, plots, a page and results.json out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refinezoo.config import read_json
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.experiments.compare.found import PreparedSet
from refinezoo.experiments.compare.measures import measure_sets, measured_table
from refinezoo.experiments.compare.prepare import Preparation, described
from refinezoo.experiments.compare.recipe import hardware, recipe_hash, versions
from refinezoo.experiments.compare.results import Scores, gains, markdown_table, rows
from refinezoo.experiments.compare.scheduler import Failure, Training, log_tail, run_all
from refinezoo.experiments.compare.schema import Study, read_study
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.files import (
    atomic_path,
    locked_folder,
    own_folder,
    remove_folder,
    sha256,
    write_json,
)

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
    with locked_folder(folder, busy):
        preparation = Preparation(study, folder, root, say)
        test = preparation.test()
        sets = preparation.sets()
        measures = measure_sets(preparation, sets, study.measure_pictures)
        trainings = [
            _training(study, folder, arm, seed, sets, test)
            for seed in study.seeds
            for arm, section in study.arms.items()
            if seed in (section.seeds or study.seeds)
        ]
        missing = [training for training in trainings if not _finished(training)]
        for training in trainings:
            if training not in missing:  # killed after its result, before it tidied up
                for left in training.folder.glob("backup_*"):
                    Checkpoint(left).remove()
        if len(missing) < len(trainings):
            say(f"{len(trainings) - len(missing)} of {len(trainings)} trainings are finished")
        failures = run_all(missing, jobs, say)
        failures += _without_result(missing, failures)
        recipe = _recipe(
            study, study_yaml, jobs, " --data DATA" if data else "", sets, test, trainings, failures
        )
        recipe["study_file"] = file
        recipe["metric_rule"] = task.rule
        if measures:
            recipe["sets_measured"] = measures
        if references := _references(study, task, folder, sets, test):
            recipe["references"] = references
        recipe["wall_seconds_of_this_call"] = round(time.monotonic() - started, 1)
        results = _write(study, task, folder, recipe, trainings, say)
    if failures:
        raise RefinezooError(_worded(failures, folder))
    return results


def _training(
    study: Study, folder: Path, arm: str, seed: int, sets: dict[str, PreparedSet], test: PreparedSet
) -> Training:
    """Writes the spec of one training and returns the training."""
    shares = study.arms[arm].shares()
    model = study.model.model_dump(by_alias=True)
    recipe = {
        "arm": {name: [share, sets[name].fingerprint] for name, share in shares.items()},
        "seed": seed,
        "model": {**model, "init": initial_weights(study.model.init)},
        "training": study.training.model_dump(exclude={"backup_every"}),
        "test": test.fingerprint,
        **({"settings": study.settings} if study.settings else {}),
    }
    spec = {
        "hash": recipe_hash(recipe),
        "study": study.study,
        "arm": arm,
        "seed": seed,
        "model": model,
        "settings": study.settings,
        "training": study.training.model_dump(),
        "sets": [{**sets[name].located(), "share": share} for name, share in shares.items()],
        "test": test.located(),
    }
    place = folder / "arms" / arm / f"seed_{seed}"
    if _result(place).get("hash") not in (None, spec["hash"]):
        remove_folder(place)
    if not (place / "spec.json").is_file():
        own_folder(place)
    write_json(place / "spec.json", spec)
    return Training(arm, seed, place, study.training.steps)


def initial_weights(init: str | None) -> str | None:
    """The SHA-256 of the weights that every training starts from; None from scratch.

    Raises:
        RefinezooError: neither a preset folder nor a zoo name.
    """
    if init is None:
        return None
    from refinezoo.models.presets import read_preset
    from refinezoo.zoo import info

    if Path(init).is_dir():
        weights = read_preset(Path(init)).weights
        return weights.sha256 if weights else None
    return info(init)["weights"]["sha256"]


def _result(folder: Path) -> dict[str, Any]:
    path = folder / "result.json"
    found = read_json(path, 1 << 30) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def _finished(training: Training) -> bool:
    spec = read_json(training.folder / "spec.json")
    return _result(training.folder).get("hash") == spec["hash"]


def _without_result(trainings: list[Training], failures: list[Failure]) -> list[Failure]:
    told = [failure.training for failure in failures]
    return [
        Failure(training, 0, log_tail(training.log))
        for training in trainings
        if training not in told and not _finished(training)
    ]


def _recipe(
    study: Study,
    study_yaml: str | os.PathLike,
    jobs: int,
    data: str,
    sets: dict[str, PreparedSet],
    test: PreparedSet,
    trainings: list[Training],
    failures: list[Failure],
) -> dict[str, Any]:
    settings = study.model_dump(by_alias=True, exclude_none=True, exclude={"out", "data"})
    finished = [training for training in trainings if _finished(training)]
    return {
        "command": f"refinezoo compare {_spoken(study_yaml)}{data} --jobs {jobs}",
        "settings": settings,
        "sets": [described(prepared) for prepared in sets.values()],
        "test": described(test),
        "seeds": {
            arm: [training.seed for training in finished if training.arm == arm]
            for arm in study.arms
        },
        "training_seconds": {
            arm: [
                _result(training.folder)["seconds"] for training in finished if training.arm == arm
            ]
            for arm in study.arms
        },
        "failed": [failure.training.title for failure in failures],
        "hardware": hardware(),
        "versions": versions(),
        "backend": sorted({_result(training.folder)["backend"] for training in finished}),
        "date": time.strftime("%Y-%m-%d"),
    }


def _references(
    study: Study, task: Task, folder: Path, sets: dict[str, PreparedSet], test: PreparedSet
) -> dict[str, Any]:
    """What the task can be held against without training, measured once."""
    model = study.model.model_dump(by_alias=True)
    known = {name: prepared.fingerprint for name, prepared in sets.items()}
    recipe = {"model": model, "settings": study.settings, "sets": known, "test": test.fingerprint}
    wanted, path = recipe_hash(recipe), folder / "references.json"
    found = read_json(path) if path.is_file() else {}
    if found.get("hash") != wanted:
        located = {name: prepared.located() for name, prepared in sets.items()}
        values = task.references(located, test.located(), model)
        found = {"hash": wanted, "references": values}
        if values:
            write_json(path, found)
    return found["references"]


def _spoken(path: str | os.PathLike) -> str:
    path = Path(path)
    return path.name if path.is_absolute() else path.as_posix()


def _write(
    study: Study,
    task: Task,
    folder: Path,
    recipe: dict[str, Any],
    trainings: list[Training],
    say: Callable[[str], None],
) -> dict[str, Any]:
    scores: Scores = {arm: {} for arm in study.arms}
    for training in trainings:
        if _finished(training):
            scores[training.arm][training.seed] = _result(training.folder)["metrics"]
    arms, name = list(study.arms), study.model.name
    stated = gains(study.gains, arms, study.metrics, scores, task.lower)
    recipe["gains"] = [gain.sentence() for gain in stated]
    results = {
        "study": study.study,
        "recipe": recipe,
        "rows": rows(name, arms, study.metrics, scores),
    }
    write_json(folder / "results.json", results)
    table = markdown_table(name, arms, study.metrics, scores)
    if "sets_measured" in recipe:
        table += "\n" + measured_table(recipe["sets_measured"])
    with atomic_path(folder / "table.md") as path:
        path.write_text(table, encoding="utf-8")
    say(table)
    for sentence in recipe["gains"]:
        say(sentence)
    if results["rows"]:
        from refinezoo.experiments.compare.page import write_page
        from refinezoo.experiments.compare.plots import write_plots

        write_plots(results, folder / "plots")
        write_page(study, results, scores, folder)
        say(f"written: {folder}/results.json, table.md, plots/, page.html")
    return results


def _checked_task(study: Study) -> Task:
    """The study's task, which can make what is asked; metrics that are not named are its first."""
    task = task_named(study.model.task, study.settings)
    task.check(study.model.model_dump(by_alias=True), study.training.model_dump())
    known = task.metrics
    study.metrics = study.metrics or list(known[:2])
    for name in study.metrics:
        if name not in known:
            raise RefinezooError(
                f"metrics: {name!r} is not measured by the task {study.model.task} "
                f"({', '.join(known)}).{did_you_mean(name, known)}"
            )
    return task


def _worded(failures: list[Failure], folder: Path) -> str:
    lines = [
        f"{len(failures)} trainings failed; the others are finished and in "
        f"{folder / 'results.json'}. Run the same command again to try only these:"
    ]
    for failure in failures:
        last = _telling(failure.tail)
        lines.append(
            f"- {failure.training.title} (exit status {failure.returncode}, log "
            f"{failure.training.log}): {last}"
        )
    return "\n".join(lines)


def _telling(tail: list[str]) -> str:
    """The line of a log's end that says most: the last that names an error."""
    named = [line.strip() for line in tail if "error" in line.lower()]
    return (named or tail or ["it printed nothing"])[-1].strip()


def _silent(line: str) -> None:
    return None
