"""What a study says of its sets beside the downstream score: their distance to photos, the change.

None of it chooses a refiner: looks are no gain (docs/research.md). It says what a gain came from.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.config import read_json
from refinezoo.experiments.compare.fitted import takes_masks
from refinezoo.experiments.compare.found import PreparedSet
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.recipe import files_fingerprint, recipe_hash
from refinezoo.experiments.compare.set_schema import RefinerSection
from refinezoo.experiments.photo_masks import mask_function
from refinezoo.files import write_json

KID_SIZE = 224
HEADER = ("set", "KID", "change", "gate passed", "change of photos")


def measure_sets(
    preparation: Preparation, sets: dict[str, PreparedSet], count: int
) -> dict[str, dict[str, Any]]:
    """Per set of renders, plain or refined, by at most `count` images and as many photos.

    Returns:
        `kid`: to the unlabelled photos (else those of the first real set), in the pooled features
        of EfficientNet-Lite0 from ImageNet at 224 px, with `kid_n`, the number of images of each.
        Of refined sets also `change_levels`, the mean absolute difference to the render (0 to
        255), `gate_passed`, the share that the gate's usual thresholds keep, and
        `real_identity_levels`, what the refiner changes in a photo, which needs no change.
        Nothing where the study has digits, or where a method refines as it trains. Of a set that
        is refined online, one refinement of each render is measured, of stored variants the first.
    """
    study = preparation.study
    photo_sets = {"real", *study.pseudo_labels}
    if not count or study.synthetic.digits is not None or not sets.keys() - photo_sets:
        return {}
    from refinezoo.data import read_image
    from refinezoo.metrics.kid import kid

    photos, real = _spread(_photos(preparation, sets), count), None
    found: dict[str, dict[str, Any]] = {}
    for name, prepared in sets.items():
        section = study.refiners.get(name)
        if name in photo_sets or (section is not None and section.trains):
            continue
        renders = sets.get("synthetic", prepared)
        recipe = [prepared.fingerprint, renders.fingerprint, files_fingerprint(photos)]
        wanted, path = recipe_hash([recipe, count]), preparation.folder / f"{name}.measures.json"
        kept = read_json(path) if path.is_file() else {}
        if kept.get("hash") != wanted:
            preparation.say(f"{name}: distance to {len(photos)} photos")
            real = _pooled(map(read_image, photos)) if real is None else real
            images = _images(prepared, _files(prepared, count))
            measured = kid(_pooled(images), real)
            measured = {"kid": measured["kid"], "kid_n": measured["n"]}
            if section is not None:
                measured |= _change(renders, prepared, count)
                measured |= _identity(
                    preparation.refiner(name, renders),
                    photos,
                    _files(renders, 1)[0],
                    section,
                    preparation.found.root,
                )
            kept = {"hash": wanted, "measures": measured}
            write_json(path, kept)
        found[name] = kept["measures"]
    return found


def measured_table(measures: dict[str, dict[str, Any]]) -> str:
    """A Markdown table of the same."""
    lines = [HEADER, ["---"] * len(HEADER), *measured_rows(measures)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def measured_rows(measures: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Rows under `HEADER`, in words."""

    def levels(row: dict[str, Any], key: str) -> str:
        return f"{row[key]:.1f} levels" if key in row else ""

    return [
        [
            name,
            f"{row['kid']:.3f}",
            levels(row, "change_levels"),
            f"{100 * row['gate_passed']:.0f} %" if "gate_passed" in row else "",
            levels(row, "real_identity_levels"),
        ]
        for name, row in measures.items()
    ]


def _photos(preparation: Preparation, sets: dict[str, PreparedSet]) -> list[Path]:
    from refinezoo.data import list_images

    if preparation.study.real.unlabelled:
        return preparation.found.unlabelled()
    real = sets.get("real") or preparation.test()
    return list_images(real.annotations if real.annotations.suffix == ".json" else real.images)


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    """At most `count` of them, evenly."""
    indices = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [paths[index] for index in indices]


def _files(prepared: PreparedSet, count: int) -> list[Path]:
    from refinezoo.data import list_images

    of_file = prepared.annotations.suffix.lower() == ".json"
    return _spread(list_images(prepared.annotations if of_file else prepared.images), count)


def _images(
    prepared: PreparedSet, files: list[Path], sizes: Sequence[Any] | None = None
) -> Iterator[np.ndarray]:
    """The images of a set's files; where they are refined online, one refinement of each."""
    from refinezoo.data import read_image
    from refinezoo.tasks.online import OnlineRefiner

    said = prepared.details.get("online")
    online = OnlineRefiner.of(said, seed=0) if said else None
    for number, file in enumerate(files):
        image = read_image(file, sizes[number] if sizes else None)
        yield image if online is None else online(image, number)


def _pooled(images: Iterable[np.ndarray]) -> np.ndarray:
    from refinezoo.metrics.kid import pooled_features

    return pooled_features(_features(), images, size=KID_SIZE)


@functools.cache
def _features() -> Any:
    from refinezoo import load

    return load("efficientnet_lite0_imagenet").backbone(taps=(32,))


def _change(synthetic: PreparedSet, refined: PreparedSet, count: int) -> dict[str, Any]:
    from refinezoo.refinement import Gate
    from refinezoo.refinement.score import score_image
    from refinezoo.tasks.detection.boxes import xywh_to_xyxy

    records = _records(synthetic)
    changes, passed = [], []
    known = [records.get(file.resolve()) for file in _files(synthetic, count)]
    sizes = [record and (record.width, record.height) for record in known]
    pairs = (_images(part, _files(part, count), sizes) for part in (synthetic, refined))
    for record, render, image in zip(known, *pairs, strict=True):
        changes.append(np.abs(image.astype("float32") - render).mean())
        boxes = record and xywh_to_xyxy(record.boxes_xywh)
        passed.append(Gate().passes(score_image(render, image, boxes)))
    return {"change_levels": float(np.mean(changes)), "gate_passed": float(np.mean(passed))}


def _records(prepared: PreparedSet) -> dict[Path, Any]:
    """Per file its boxes and size (`ImageRecord`); none where the labels are others."""
    from refinezoo.data.coco import CocoDataset

    if prepared.annotations.suffix.lower() != ".json":
        return {}
    dataset = CocoDataset.load(prepared.annotations, prepared.images)
    return {record.path.resolve(): record for record in dataset.records}


def _identity(
    refiner: Any, photos: list[Path], render: Path, section: RefinerSection, root: Path
) -> dict[str, Any]:
    """What the refiner changes in photos of the size of the renders; nothing if it sees more."""
    import cv2

    from refinezoo.data import images_and_masks, read_image

    height, width = read_image(render).shape[:2]
    more: dict[str, Any] = {}
    if getattr(refiner, "use_depth", False):
        return {}
    if takes_masks(refiner):
        if section.adapt is None and section.masks is None:
            return {}
        pairs = [
            *images_and_masks(photos, mask_function(section.masks, root), size=(height, width))
        ]
        images, more["foreground_mask"] = map(np.stack, zip(*pairs, strict=True))
    else:
        images = np.stack(
            [
                cv2.resize(read_image(path), (width, height), interpolation=cv2.INTER_AREA)
                for path in photos
            ]
        )
    strength = section.strength  # of objects and the rest: photos are mostly rest
    strength = strength if isinstance(strength, float) else strength[1]
    refined = refiner.refine(images, strength=strength, **more)
    change = np.abs(refined.astype("float32") - images).mean()
    return {"real_identity_levels": float(change)}
