"""The page of a study: table, charts, differences, examples, provenance."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from refinezoo.experiments.compare.examples import show_examples
from refinezoo.experiments.compare.measures import HEADER, measured_rows
from refinezoo.experiments.compare.results import Scores
from refinezoo.experiments.compare.schema import Study
from refinezoo.report.page import Page, Pair

EXAMPLES = 6


def write_page(study: Study, results: dict[str, Any], scores: Scores, folder: Path) -> Path:
    """Writes `folder/page.html` from results.json and what the arms left in their folders."""
    recipe, arms = results["recipe"], list(study.arms)
    page = Page(
        f"Study {study.study}: downstream gain",
        f"{study.model.name} trained on {len(arms)} kinds of data, {study.training.steps} steps "
        f"each, measured on real photos.",
    )
    page.heading("Result")
    page.table(
        [
            "arm",
            *[
                column
                for metric in study.metrics
                for column in (metric, "std", f"{metric} of each seed")
            ],
        ],
        [_row(arm, study.metrics, scores) for arm in arms],
    )
    for metric in study.metrics:
        page.chart(metric, [(arm, [by[metric] for by in scores[arm].values()]) for arm in arms])
    if results["by_class"]:
        page.heading(f"{results['class_metric']} of each class")
        page.text("Means over the seeds, the classes that do worst first.", note=True)
        page.table(
            ["class", *arms],
            [
                [name, *(of_arms.get(arm, "not measured") for arm in arms)]
                for name, of_arms in results["by_class"].items()
            ],
        )
    if recipe["gains"]:
        page.heading("Differences")
        page.sentences(recipe["gains"])
        page.text(
            "The intervals speak of the choice of seed on this one test set; they do not "
            "say how the result would vary over other photos.",
            note=True,
        )
    if recipe["failed"]:
        page.text("Failed trainings: " + ", ".join(recipe["failed"]) + ".")
    if kept := recipe.get("pseudo_labels"):
        page.heading("Photos that name themselves")
        rows = [
            (title, name, found) for title, sets in kept.items() for name, found in sets.items()
        ]
        page.table(
            ["training", "set", "photos that the teacher was sure of", "of"],
            [[title, name, found["kept"], found["photos"]] for title, name, found in rows],
        )
    if "sets_measured" in recipe:
        page.heading("Images")
        page.table(list(HEADER), measured_rows(recipe["sets_measured"]))
    _before_after(page, study, folder)
    first = {arm: f"seed_{next(iter(scores[arm]))}" for arm in arms if scores[arm]}
    show_examples(
        page, {arm: folder / "arms" / arm / seed / "examples" for arm, seed in first.items()}
    )
    page.heading("Provenance")
    page.facts(
        {
            "command": recipe["command"],
            "study_file": recipe["study_file"],
            "date": recipe["date"],
            "model": study.model.name,
            "steps": f"{study.training.steps}, {study.training.batch_size} images each",
            "seconds per training": {
                arm: round(statistics.fmean(seconds))
                for arm, seconds in recipe["training_seconds"].items()
                if seconds
            },
            "hardware": recipe["hardware"],
            "backend": recipe["backend"],
            "versions": recipe["versions"],
            "metric": recipe["metric_rule"],
            **{
                f"{part['name']} sha256": part["sha256"]
                for part in [*recipe["sets"], recipe["test"]]
            },
        }
    )
    page.details("The whole recipe", recipe)
    return page.write(folder / "page.html")


def _row(arm: str, metrics: list[str], scores: Scores) -> list[Any]:
    row: list[Any] = [arm]
    for metric in metrics:
        values = [by[metric] for by in scores[arm].values()]
        row += [
            statistics.fmean(values) if values else "not measured",
            statistics.stdev(values) if len(values) > 1 else "",
            ", ".join(f"{value:.3f}" for value in values),
        ]
    return row


def _before_after(page: Page, study: Study, folder: Path) -> None:
    from refinezoo.data import list_images, read_image

    data = folder / "data"
    for name in study.refiners:
        if not (data / "synthetic" / "images").is_dir() or not (data / name / "images").is_dir():
            continue
        paths = list_images(data / "synthetic" / "images")
        pairs = []
        for path in paths[:: max(1, len(paths) // EXAMPLES)][:EXAMPLES]:
            after = data / name / "images" / path.name
            if after.is_file():
                pairs.append(Pair(read_image(path), read_image(after), path.name))
        if pairs:
            page.heading(f"Before and after: {name}")
            page.before_after(pairs, ("synthetic", name))
