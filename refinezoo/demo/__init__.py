"""The main job in minutes: renders in; refined set, measured detectors and a servable model out.

Everything comes from the package: products, distractors, real test photos, pretrained weights.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.files import ASSETS, own_folder, remove_folder, sha256, write_json

REFINER = "cyclegan_fgbg"
# Zoo name -> what the detector was trained on. The first two are the point of the demo.
DETECTORS = {
    "ssd300_fridge_synthetic": "synthetic",
    "ssd300_fridge_refined": "refined",
    "ssd300_fridge_reinhard": "reinhard",
    "ssd300_fridge_real": "real",
    "ssd300_fridge_real_synthetic": "real+synthetic",
    "ssd300_fridge": "real+refined",
}
NEEDED = 2
METRICS = ("AP50", "AP")
MARK = ".refinezoo-demo"
FOLDERS = ("synthetic", "refined", "servable")
FILES = ("results.json", "report.html")


def run(
    out: str | os.PathLike = "runs/demo",
    count: int = 48,
    seed: int = 0,
    *,
    refiner: Any = REFINER,
    detectors: Mapping[str, Any] | None = None,
    image_size: int = 128,
    progress: bool = True,
) -> dict[str, Any]:
    """Composes scenes, refines them, measures detectors on real photos, exports the refiner.

    Args:
        out: the folder to fill: synthetic/, refined/ (COCO and images), servable/, results.json,
            report.html. An earlier demo there is replaced.
        count: how many scenes to compose.
        seed: of the scenes and of refiners that draw.
        refiner: zoo name or preset folder.
        detectors: zoo name, preset folder or detector by what it was trained on ("synthetic",
            "refined", ...); by default the fridge detectors of the zoo.
        image_size: side of the composed scenes, pixels.
        progress: whether to print the steps and the table.

    Returns:
        What results.json says: study, recipe, rows, export and seconds.

    Raises:
        RefinezooError: the folder holds something else, or a model is not in the zoo.
    """
    steps = _Steps(progress)
    out = _cleared(Path(out))

    with steps(f"compose {count} scenes of fridge products, with boxes and masks"):
        from refinezoo.scenes.compose import compose_scenes

        synthetic = Path(
            compose_scenes(
                ASSETS / "products",
                out / "synthetic",
                count,
                distractors=ASSETS / "distractors",
                image_size=image_size,
                seed=seed,
                progress=False,
            )
        )
    with steps(f"load the refiner {_name(refiner)} and refine the scenes"):
        refiner_model = _loaded(refiner)
        from refinezoo.refinement import refine_dataset

        refined = own_folder(out / "refined")
        refine_dataset(synthetic, refined, refiner_model, seed=seed, progress=False)
        annotations = _same_annotations(synthetic, refined)
    steps.say(f"  annotations carried over byte for byte (sha256 {annotations[:12]}...)")

    with steps("load the pretrained detectors"):
        loaded = {
            arm: (_name(source), _loaded(source))
            for arm, source in (detectors or _zoo_detectors()).items()
        }
    rows, scores = [], {}
    photos = _real_photos()
    for arm, (name, detector) in loaded.items():
        with steps(f"detect in {len(photos)} real photos: {name}, trained on {arm}"):
            scores[arm] = _measured(photos, detector.detect(photos))
            rows += [
                {"model": name, "arm": arm, "metric": metric, "values": [scores[arm][metric]]}
                for metric in METRICS
            ]

    with steps("export the refiner and run it in TensorFlow's C++ session loader"):
        export = _exported(refiner_model, _name(refiner), synthetic, out)
    steps.say(f"  {export['words']}")

    from refinezoo.experiments.compare.recipe import hardware, versions
    from refinezoo.refinement.fingerprint import weights_sha256

    results: dict[str, Any] = {
        "study": "demo",
        "recipe": {
            "command": _command(count, seed),
            "scenes": {"count": count, "image_size": image_size, "seed": seed},
            "refiner": _name(refiner),
            "annotations_sha256": annotations,
            "test": {
                "photos": len(photos),
                "annotations_sha256": sha256(ASSETS / "real_test" / "annotations.json"),
            },
            "metric_rule": "pycocotools COCOeval; ignore_regions are crowd boxes of every class",
            "weights_sha256": {
                name: weights_sha256(model)
                for name, model in [(_name(refiner), refiner_model), *loaded.values()]
            },
            "hardware": hardware(),
            "versions": versions(),
            "date": time.strftime("%Y-%m-%d"),
        },
        "rows": rows,
        "export": export,
        "seconds": 0.0,
        "step_seconds": steps.seconds,
    }
    with steps("write the report"):
        _report(results, scores, [model for _, model in loaded.values()], photos, synthetic, out)
    results["seconds"] = round(steps.total(), 1)
    write_json(out / "results.json", results)
    steps.table(results)
    steps.say(
        f"\nWritten in {results['seconds']:.0f} s: {out}/report.html, results.json, "
        f"synthetic/, refined/, servable/{_name(refiner)}/1/"
    )
    return results


def _command(count: int, seed: int) -> str:
    if (count, seed) == (48, 0):
        return "refinezoo demo"
    return f"refinezoo demo --count {count} --seed {seed}"


class _Steps:
    """Says what happens, how long each step took, and the table at the end."""

    def __init__(self, progress: bool) -> None:
        from rich.console import Console

        self.console = Console(quiet=not progress, highlight=False)
        self.seconds: dict[str, float] = {}
        self.started = time.monotonic()

    def say(self, line: str) -> None:
        self.console.print(line, markup=False)

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        self.console.print(f"{len(self.seconds) + 1}. {what} ...", end=" ", markup=False)
        yield
        self.seconds[what] = round(time.monotonic() - started, 1)
        self.console.print(f"{self.seconds[what]:.1f} s", markup=False)

    def total(self) -> float:
        return time.monotonic() - self.started

    def table(self, results: dict[str, Any]) -> None:
        from rich.table import Table

        table = Table(title=f"On {results['recipe']['test']['photos']} real photos")
        table.add_column("detector")
        table.add_column("trained on")
        for metric in METRICS:
            table.add_column(metric, justify="right")
        for model, arm, *values in _by_arm(results["rows"]):
            table.add_row(model, arm, *(f"{value:.3f}" for value in values))
        self.console.print(table)


def _by_arm(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """Rows of the table: detector, arm, one value per metric."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        found.setdefault((row["model"], row["arm"]), []).append(row["values"][0])
    return [[*key, *values] for key, values in found.items()]


def _cleared(out: Path) -> Path:
    """The output folder, without what an earlier demo left there."""
    foreign = [name for name in FOLDERS + FILES if (out / name).exists()]
    if foreign and not (out / MARK).is_file():
        raise RefinezooError(
            f"expected an empty folder or an earlier demo, received {str(out)!r}, which holds "
            f"{', '.join(foreign)} of something else. Give another folder with --out."
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).touch()
    for name in FOLDERS:
        remove_folder(out / name)
    for name in FILES:
        (out / name).unlink(missing_ok=True)
    return out


def _loaded(source: Any) -> Any:
    from refinezoo import load

    return load(source) if isinstance(source, (str, os.PathLike)) else source


def _name(source: Any) -> str:
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name
    return str(getattr(source, "name", type(source).__name__))


def _zoo_detectors() -> dict[str, str]:
    """The fridge detectors of the zoo by what they were trained on; the first two must be there."""
    from refinezoo import list_models

    there = {entry["name"] for entry in list_models("ssd300_fridge*")}
    missing = [name for name in list(DETECTORS)[:NEEDED] if name not in there]
    if missing:
        raise RefinezooError(
            f"expected the detectors {', '.join(missing)} in the zoo, received none of that name. "
            "Is the package complete? refinezoo list shows what is there."
        )
    return {arm: name for name, arm in DETECTORS.items() if name in there}


def _same_annotations(before: Path, after: Path) -> str:
    """The SHA-256 of both annotation files.

    Raises:
        RefinezooError: they differ.
    """
    first, second = (sha256(folder / "annotations.json") for folder in (before, after))
    if first != second:
        raise RefinezooError(
            f"expected the refined annotations to equal the synthetic ones byte for byte, "
            f"received sha256 {second}, not {first}. Please report this."
        )
    return first


def _real_photos() -> Any:
    from refinezoo.data.coco import CocoDataset

    folder = ASSETS / "real_test"
    return CocoDataset.load(folder / "annotations.json", folder / "images")


def _measured(photos: Any, detections: list[dict[str, Any]]) -> dict[str, float]:
    from refinezoo.metrics.detection import coco_average_precision

    scores = coco_average_precision(photos.json_path, detections)
    return {metric: float(scores[metric]) for metric in METRICS}


def _exported(refiner: Any, name: str, synthetic: Path, out: Path) -> dict[str, Any]:
    """Writes the servable, runs it outside Keras and says how far it is off."""
    from refinezoo.data import list_images, read_image
    from refinezoo.export import check_saved_model, saved_model

    folder = saved_model(refiner, own_folder(out / "servable") / name / "1", overwrite=True)
    images = [read_image(path) for path in list_images(synthetic / "images")[:4]]
    images.append(images[0][:61, :83])  # no multiple of the stride
    report = check_saved_model(folder, refiner, images)
    if report.max_abs_error > 2:
        raise RefinezooError(
            f"expected the exported refiner within 2 of 255 levels of the Keras model, received "
            f"{report.max_abs_error}. Please report this."
        )
    return {
        "folder": f"servable/{name}/1",
        "max_abs_error": report.max_abs_error,
        "images": report.images,
        "signatures": list(report.signatures),
        "words": f"{report.images} images through {' and '.join(report.signatures)}: at most "
        f"{report.max_abs_error} of 255 levels off the Keras model",
    }


def _report(
    results: dict[str, Any],
    scores: dict[str, dict[str, float]],
    detectors: list[Any],
    photos: Any,
    synthetic: Path,
    out: Path,
) -> None:
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
    page.table(["detector", "trained on", *METRICS], _by_arm(results["rows"]))
    page.chart(METRICS[0], [(arm, [values[METRICS[0]]]) for arm, values in scores.items()])
    page.text(
        "One pretrained detector per line, so this shows no spread; the study with several "
        "seeds and all test photos is in benchmarks/results/.",
        note=True,
    )
    page.heading("Before and after")
    page.text(
        "Drag, or focus a picture and use the arrow keys. The annotations of both sets are "
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
    for number, row in enumerate(zip(*columns, strict=True)):
        page.panels(row, () if number else ["truth", *scores])
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
