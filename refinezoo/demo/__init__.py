"""The main job in minutes: renders in; refined set, measured detectors and a servable model out.

Everything comes from the package: products, distractors, real test photos, pretrained weights.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refinezoo.demo.page import METRICS, write_page
from refinezoo.demo.steps import Steps
from refinezoo.errors import RefinezooError
from refinezoo.files import ASSETS, own_folder, remove_folder, sha256, write_json

REFINER = "cyclegan_projected"  # which the "refined" detectors learnt from
# Zoo name -> what the detector was trained on. The first two are the point of the demo.
DETECTORS = {
    "pvanet_fridge_synthetic": "synthetic",
    "pvanet_fridge_refined": "refined",
    "pvanet_fridge_transport": "transport",
    "pvanet_fridge_pseudo": "refined+pseudo",
    "pvanet_fridge_real": "real",
    "pvanet_fridge": "real+refined",
}
NEEDED = 2
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
    steps = Steps(progress)
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
        write_page(results, scores, [model for _, model in loaded.values()], photos, synthetic, out)
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

    there = {entry["name"] for entry in list_models("pvanet_fridge*")}
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
