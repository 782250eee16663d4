"""The page of a study: table, charts, differences, examples, provenance."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.experiments.compare.prepare import PreparedSet
from refinezoo.experiments.compare.results import Scores
from refinezoo.experiments.compare.schema import Study
from refinezoo.report.page import DetectionView, Page, Pair

EXAMPLES = 6


def write_page(
    study: Study, results: dict[str, Any], scores: Scores, folder: Path, test: PreparedSet
) -> Path:
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
    _before_after(page, study, folder)
    if study.model.task == "detection":
        _detections(page, study, scores, folder, test)
    page.heading("Provenance")
    page.facts(
        {
            "command": recipe["command"],
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


def _detections(page: Page, study: Study, scores: Scores, folder: Path, test: PreparedSet) -> None:
    from refinezoo.data.coco import CocoDataset

    measured = [arm for arm in study.arms if scores[arm]]
    found = {}
    for arm in measured:
        seed = next(iter(scores[arm]))
        path = folder / "arms" / arm / f"seed_{seed}" / "detections.json"
        found[arm] = read_json(path, 1 << 30)
    page.heading("Detections on real photos")
    page.text(
        "Photos evenly spaced through the test set, not chosen by result; the first seed of "
        "each arm. Dashed: truth. Solid: found with a score of at least 0.3, else the best."
    )
    show_detections(page, CocoDataset.load(test.annotations, test.images), found, EXAMPLES)


def show_detections(
    page: Page,
    dataset: Any,
    found: dict[str, list[dict[str, Any]]],
    count: int,
    least_score: float = 0.3,
) -> None:
    """Adds `count` photos of a dataset, evenly spaced, with what each detector found in them.

    Args:
        page: the page.
        dataset: a `CocoDataset`.
        found: COCO results by the name of the detector.
        count: photos to show.
        least_score: detections below it are left out, unless none would remain.
    """
    names = dict(zip(dataset.category_ids, dataset.class_names, strict=True))
    step = max(1, len(dataset) // count)
    for order, index in enumerate(range(0, len(dataset), step)):
        if order == count:
            break
        record = dataset.records[index]
        real = ~record.crowd
        boxes = record.boxes_xywh[real].tolist()
        labels = [dataset.class_names[label] for label in record.labels[real]]
        views = []
        for detector, rows in found.items():
            mine = sorted(
                (row for row in rows if row["image_id"] == record.id), key=lambda row: -row["score"]
            )
            mine = ([row for row in mine if row["score"] >= least_score] or mine[:1])[:3]
            views.append(
                DetectionView(
                    detector,
                    [row["bbox"] for row in mine],
                    [names[row["category_id"]] for row in mine],
                    [row["score"] for row in mine],
                    [_right(row["bbox"], names[row["category_id"]], boxes, labels) for row in mine],
                )
            )
        page.detections(
            dataset.read(index), boxes, ", ".join(sorted(set(labels))), views, heads=order == 0
        )


def _right(box: list[float], label: str, truth: list[list[float]], labels: list[str]) -> bool:
    """Whether a detection has the class of a true box and overlaps it by half (AP50's rule)."""
    return any(
        label == name and _iou(box, other) >= 0.5 for other, name in zip(truth, labels, strict=True)
    )


def _iou(first: list[float], second: list[float]) -> float:
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / max(1e-9, first[2] * first[3] + second[2] * second[3] - shared)
