"""What a study leaves: its recipe, what it is held against, results.json, table, plots and page."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refinezoo.config import read_json
from refinezoo.experiments.compare.found import PreparedSet
from refinezoo.experiments.compare.measures import measured_table
from refinezoo.experiments.compare.names import students
from refinezoo.experiments.compare.prepare import described
from refinezoo.experiments.compare.recipe import hardware, recipe_hash, versions
from refinezoo.experiments.compare.results import Scores, class_means, gains, markdown_table, rows
from refinezoo.experiments.compare.scheduler import Failure, Training
from refinezoo.experiments.compare.schema import Study
from refinezoo.files import atomic_path, write_json

if TYPE_CHECKING:
    from refinezoo.tasks.study import Task


def recipe_of(
    study: Study,
    study_yaml: str | os.PathLike,
    jobs: int,
    data: str,
    sets: dict[str, PreparedSet],
    test: PreparedSet,
    trainings: list[Training],
    failures: list[Failure],
) -> dict[str, Any]:
    """How the results came about: command, settings, sets, seeds, hardware, versions."""
    settings = study.model_dump(by_alias=True, exclude_none=True, exclude={"out", "data"})
    finished = [training for training in trainings if training.finished()]
    labelled = {each.title: each.result().get("pseudo_labels") for each in finished}
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
            arm: [training.result()["seconds"] for training in finished if training.arm == arm]
            for arm in study.arms
        },
        "pseudo_labels": {title: found for title, found in labelled.items() if found},
        "failed": [failure.training.title for failure in failures],
        "hardware": hardware(),
        "versions": versions(),
        "backend": sorted({training.result()["backend"] for training in finished}),
        "date": time.strftime("%Y-%m-%d"),
    }


def references(
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
    return shlex.quote(path.name if path.is_absolute() else path.as_posix())


def write_results(
    study: Study,
    task: Task,
    folder: Path,
    recipe: dict[str, Any],
    trainings: list[Training],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Writes results.json, the table, plots and page of what is finished; returns results.json."""
    scores: Scores = {arm: {} for arm in study.arms}
    of_classes: dict[str, dict[int, Any]] = {arm: {} for arm in study.arms}
    for training in trainings:
        if training.finished():
            result = training.result()
            scores[training.arm][training.seed] = result["metrics"]
            of_classes[training.arm][training.seed] = result.get("by_class")
    arms, name = list(study.arms), study.model.name
    stated = gains(study.gains, arms, study.metrics, scores, task.lower, students(study))
    recipe["gains"] = [gain.sentence() for gain in stated]
    results = {
        "study": study.study,
        "recipe": recipe,
        "rows": rows(name, arms, study.metrics, scores),
        "class_metric": task.class_metric,
        "by_class": class_means(
            {arm: seeds for arm, seeds in of_classes.items() if None not in seeds.values()}
        ),
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
