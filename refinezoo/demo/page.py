"""The page of the demo: the result, renders before and after, detections, where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

METRICS = ("AP50", "AP")


def by_arm(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """Rows of the table: detector, arm, one value per metric."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        found.setdefault((row["model"], row["arm"]), []).append(row["values"][0])
    return [[*key, *values] for key, values in found.items()]


def write_page(
    results: dict[str, Any],
    scores: dict[str, dict[str, float]],
    detectors: list[Any],
    photos: Any,
    synthetic: Path,
    out: Path,
) -> None:
    """Writes `report.html` into `out`.

    Args:
        results: those of the demo.
        scores: of each detector, by what it was trained on.
        detectors: in the order of `scores`.
        photos: the real test set.
        synthetic: folder of the composed scenes.
        out: folder of the demo, where `refined/` lies.
    """
    from refinezoo.data import CocoDataset, read_image
    from refinezoo.experiments.compare.examples import answer_panels, truth_panels
    from refinezoo.experiments.compare.tasks import task_named
    from refinezoo.report import Page, Pair

    recipe = results["recipe"]
    page = Page(
        "refinezoo demo",
        f"{recipe['scenes']['count']} scenes of fridge products, composed and refined; detectors "
        f"trained without and with refinement, measured on {len(photos)} real photos.",
    )
    page.heading("Result on real photos")
    page.table(["detector", "trained on", *METRICS], by_arm(results["rows"]))
    page.chart(METRICS[0], [(arm, [values[METRICS[0]]]) for arm, values in scores.items()])
    page.text(
        "One pretrained detector per line, so this shows no spread; the study with several "
        "seeds and all test photos is in benchmarks/results/.",
        note=True,
    )
    page.heading("Before and after")
    page.text(
        "Drag, or focus an image and use the arrow keys. The annotations of both sets are "
        f"the same file, byte for byte (sha256 {recipe['annotations_sha256'][:16]}...)."
    )
    scenes = CocoDataset.load(synthetic)
    pairs = []
    for record in scenes.records[:: max(1, len(scenes) // 8)][:8]:
        name = Path(record.path).name
        before, after = (
            read_image(folder / "images" / name) for folder in (synthetic, out / "refined")
        )
        classes = sorted({scenes.class_names[k] for k in record.labels})
        pairs.append(Pair(before, after, name, tuple(classes)))
    page.before_after(pairs)
    page.heading("Detections on real photos")
    page.text(
        "Photos evenly spaced through the test set, not chosen by result. White: truth. Green and "
        "red: found with a score of at least 0.3, else the best; green where it is right."
    )
    task = task_named("detection")
    examples = task.examples(photos, 8)
    columns = [truth_panels(task, detectors[0], examples)]
    columns += [answer_panels(task, detector, examples) for detector in detectors]
    page.panels(list(zip(*columns, strict=True)), ["truth", *scores])
    page.heading("The servable")
    page.text(
        f"{results['export']['folder']} was run in TensorFlow's C++ session loader, the one "
        f"TF Serving uses: {results['export']['words']}."
    )
    page.heading("Provenance")
    page.facts(
        {
            "command": recipe["command"],
            "date": recipe["date"],
            "refiner": recipe["refiner"],
            **{f"weights of {name}": value for name, value in recipe["weights_sha256"].items()},
            "metric": recipe["metric_rule"],
            "hardware": recipe["hardware"],
            "versions": recipe["versions"],
            **{what: f"{seconds:.1f} s" for what, seconds in results["step_seconds"].items()},
        }
    )
    page.write(out / "report.html")
