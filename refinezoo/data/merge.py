"""`merge_datasets`: one COCO set of real, refined and synthetic images, each named by its source.

Mixing real with refined data is how most gains of refinement are used; a merged set says of each
image where it comes from, and of each source what made it.
"""

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from refinezoo import __version__
from refinezoo.data.maps import map_targets, maps_of
from refinezoo.data.merge_sources import Source, class_names, draw, open_source, provenance
from refinezoo.disk import check_room
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_folder, write_json
from refinezoo.paths import check_apart

_log = logging.getLogger(__name__)


def merge_datasets(
    out: str | os.PathLike,
    sources: Mapping[str, str | os.PathLike],
    *,
    ratio: Sequence[float] | None = None,
    count: int | None = None,
    classes: Mapping[str, str | None] | None = None,
    union: bool = False,
    seed: int = 0,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Merges datasets with boxes into one COCO set, atomically.

    Images are copied to `images/SOURCE/...`, so that equal names never meet; `annotations.json`
    has new ids, the classes sorted by name, and in each image row its `source`. Boxes, polygons and
    run-length masks are as they were. `info` holds the seed, the ratio and, of each source, its
    path, the SHA-256 of its annotations and, where refinezoo refined it, by what. Foreground masks
    and depth of the same names go along where every image that is taken has them; class ids in
    files of their own, whose numbers are each dataset's, only of one source.

    Args:
        out: a new folder, or one that an earlier merge made.
        sources: datasets (COCO, VOC, YOLO; folder or annotations file) by the name of each.
        ratio: images of each source, relative to each other; the most that this allows are
            taken, none twice. All images by default.
        count: of images at most, in that ratio.
        classes: new names by old ones; None leaves a class's objects out.
        union: allow classes that not all sources know. Their objects are background in the
            others, which teaches a detector not to see them.
        seed: of the images that are drawn.
        dry_run: write nothing.

    Returns:
        `{"images", "annotations", "classes", "sources": [{"name", "path", "available", "taken",
        "annotations"}], "maps": {kind: count}, "left_out": {kind: why}}`.

    Raises:
        RefinezooError: no boxes, names that are no plain words, classes that differ, nothing to
            draw, no room, or a folder that holds other files.
    """
    out = Path(out)
    found = [open_source(name, path) for name, path in sources.items()]
    if not found:
        raise RefinezooError("expected datasets to merge, received none.")
    for source in found:
        check_apart(source.path, out)
    names = class_names(found, classes or {}, union)
    draw(found, ratio, count, seed)
    document = _document(found, names)
    report: dict[str, Any] = {
        "images": len(document["images"]),
        "annotations": len(document["annotations"]),
        "classes": [row["name"] for row in document["categories"]],
        "sources": [_row(source, document) for source in found],
    }
    pairs = [(s.target(number), s.files[number]) for s in found for number in s.taken]
    if len(dict(pairs)) < len(pairs):
        raise RefinezooError("expected different images of each source, received one file twice.")
    maps, report["left_out"] = _maps(found)
    report["maps"] = {kind: len(some) for kind, some in maps.items()}
    pairs += [pair for some in maps.values() for pair in some]
    if dry_run:
        return report
    check_room(out, sum(file.stat().st_size for _, file in pairs), "the merged dataset")
    document["info"] = {
        "description": "merged by refinezoo",
        "version": __version__,
        "seed": seed,
        "ratio": None if ratio is None else list(ratio),
        "class_map": dict(classes or {}),
        "sources": [
            row | provenance(source) for row, source in zip(report["sources"], found, strict=True)
        ],
    }
    with atomic_folder(out) as folder:
        for target, file in pairs:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / target)
        write_json(folder / "annotations.json", document)
    return report


def _maps(sources: Sequence[Source]) -> tuple[dict[str, list[tuple[str, Path]]], dict[str, str]]:
    """Per kind the files of masks and depth that go along, and why others do not."""
    known = [_maps_of_taken(source) for source in sources]
    taken, left_out = {}, {}
    for kind in sorted({kind for files in known for kind in files}):
        having = [s for s, files in zip(sources, known, strict=True) if kind in files]
        count = sum(len(files.get(kind, ())) for files in known)
        if count < (wanted := sum(len(s.taken) for s in sources)):
            left_out[kind] = f"{count} of {wanted} images have it"
        elif kind == "class_ids" and having[1:]:
            left_out[kind] = "the numbers of several sources need not mean the same classes"
        else:
            taken[kind] = [
                pair
                for source, files in zip(sources, known, strict=True)
                for pair in map_targets(
                    kind, files[kind], {source.files[n]: source.target(n) for n in source.taken}
                )
            ]
    if count := sum(source.coco.counts["keypoints"] for source in sources):
        left_out["keypoints"] = f"{count} objects have some, which are not read"
    for kind, words in left_out.items():
        _log.warning("%s is left out: %s", kind, words)
    return taken, left_out


def _maps_of_taken(source: Source) -> dict[str, dict[Path, Path]]:
    taken = {source.files[number] for number in source.taken}
    found = {
        kind: {image: file for image, file in files.items() if image in taken}
        for kind, files in maps_of(source.path, source.files.values()).items()
    }
    return {kind: files for kind, files in found.items() if files}


def _document(sources: Sequence[Source], names: Sequence[dict[Any, str]]) -> dict[str, Any]:
    classes = sorted(set().union(*(known.values() for known in names)))
    ids = {name: number for number, name in enumerate(classes, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for source, known in zip(sources, names, strict=True):
        numbers = {old: len(images) + k for k, old in enumerate(source.taken, start=1)}
        for old, number in numbers.items():
            row = {**source.coco.images[old], "id": number, "file_name": source.target(old)}
            images.append(row | {"source": source.name})
        for row in source.coco.annotations:
            if row["image_id"] in numbers and row["category_id"] in known:
                new = {"id": len(annotations) + 1, "image_id": numbers[row["image_id"]]}
                annotations.append({**row, **new, "category_id": ids[known[row["category_id"]]]})
    categories = [{"id": number, "name": name} for name, number in ids.items()]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def _row(source: Source, document: dict[str, Any]) -> dict[str, Any]:
    own = {row["id"] for row in document["images"] if row["source"] == source.name}
    return {
        "name": source.name,
        "path": str(source.path),
        "available": len(source.coco.images),
        "taken": len(source.taken),
        "annotations": sum(row["image_id"] in own for row in document["annotations"]),
    }
