"""`check_dataset`: every annotation, mask and depth map held against its image."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any

from refinezoo.data.boxes import misfit, other_reading
from refinezoo.data.formats import Layout, recognise
from refinezoo.data.image_findings import looked_at, odd_polygon

_SPLIT = re.compile(r"^(train|trainval|val|valid|validation|test|dev)(ing)?(\d*|[_-].*)?$", re.I)
_ADVICE = {
    "unreadable": "copy these files again or delete them",
    "missing": "restore these images, or remove their entries",
    "rows": "correct or remove these rows",
    "size": "restore the image, or correct the annotations: boxes and masks do not fit",
    "outside": "are the boxes of another image, or of another size of it?",
    "normalised": "multiply the boxes by the image's width and height",
    "corners": "these boxes seem to be x1, y1, x2, y2; COCO has x, y, width, height",
    "reading": "look at some boxes in their images; COCO has x, y, width, height",
    "doubled box": "the same box stands twice in an image; remove one",
    "boxes": "training and measuring refuse these annotations",
    "polygon": "correct or remove these polygons: segmentation learns from them",
    "no area": "remove these boxes",
    "empty": "a detector learns background from them; make sure that this is meant",
    "no label": "make the label, or leave the image out",
    "doubled": "images of one content weigh more; delete the copies",
    "doubled name": "results named after them would overwrite each other; rename one",
    "split leakage": "what is trained on must not be measured on; remove them from one split",
    "alpha": "training lays transparent pixels over mid-grey; flatten them over what you mean",
    "turned": "tools disagree on EXIF rotation; save these images upright",
    "no object": "the mask is empty; make sure that this is meant",
    "all object": "no pixel is background; make sure that the mask is not inverted",
    "coloured": "class ids need a table of colours (colours= in Python), or grey or palette masks",
    "no depth": "all depth is missing",
    "depth unit": "is this depth in metres (floats) or millimetres (whole numbers)?",
    "doubtful": "name the images with --images",
    "assumed": "make sure that this is meant",
}


def check_dataset(
    source: str | os.PathLike, *, images: str | list[str] | None = None, workers: int = 4
) -> dict[str, Any]:
    """Decodes every image and label of a dataset and compares them.

    Args:
        source: the dataset's folder.
        images: patterns that decide which files are images; see `recognise`.
        workers: threads.

    Returns:
        `{"ok", "format", "images", "labels": {kind: count}, "findings": [{"level", "code", "count",
        "files", "advice"}]}`, JSON-able; `ok` is False with a finding of level "error".

    Raises:
        RefinezooError: no such folder, or no images in it.
    """
    layout = recognise(source, images=images)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for level, code, file in _of_the_whole(layout):
        found[level, code].append(file)
    contents: dict[str, list[str]] = defaultdict(list)
    boxes: list[tuple[list[float], tuple[int, int]]] = []
    with ThreadPoolExecutor(workers) as pool:
        for seen in pool.map(lambda name: looked_at(layout, name), layout.renders):
            contents[seen.sha256].append(seen.name)
            boxes += seen.boxes
            for level, code, file in seen.findings:
                found[level, code].append(file)
    if words := misfit(boxes):
        found["error", "boxes"].append(words)
    elif layout.format.name == "coco" and (words := other_reading(boxes)):
        found["error", "reading"].append(words)
    splits = _splits(layout)
    for digest, names in contents.items():
        if digest and len({split for name in names for split in splits[name]}) > 1:
            found["error", "split leakage"].append(" = ".join(names))
        elif digest and len(names) > 1:
            found["warning", "doubled"].append(" = ".join(names))
    order = ("error", "warning", "note")
    findings = [
        {"level": level, "code": code, "count": len(files), "files": files[:50]}
        | {"advice": _ADVICE[code]}
        for (level, code), files in sorted(found.items(), key=lambda item: order.index(item[0][0]))
    ]
    return {
        "ok": not any(finding["level"] == "error" for finding in findings),
        "format": layout.format.name,
        "images": len(layout.renders),
        "labels": {kind: len(files) for kind, files in layout.labels.items()},
        "findings": findings,
    }


def as_text(report: dict[str, Any]) -> str:
    """The report for a terminal."""
    labels = ", ".join(f"{kind} of {count}" for kind, count in report["labels"].items())
    lines = [f"{report['format']}: {report['images']} images" + (f"; {labels}" if labels else "")]
    for finding in report["findings"]:
        lines.append(f"\n{finding['level'].upper()} {finding['code']}: {finding['count']}")
        lines += [f"  {file}" for file in finding["files"][:3]]
        if finding["count"] > 3:
            lines.append("  ...")
        lines.append(f"  -> {finding['advice']}")
    if not report["findings"]:
        lines.append("Nothing found: labels and images fit.")
    return "\n".join(lines)


def _of_the_whole(layout: Layout) -> Iterator[tuple[str, str, str]]:
    yield from (("error", "missing", name) for name in layout.missing)
    if layout.doubtful:
        yield "error", "doubtful", layout.doubtful
    notes = [note for note in layout.notes if "not understood" not in note]  # "rows" has those
    yield from (("warning", "assumed", note) for note in notes)
    stems = defaultdict(list)
    for name in layout.renders:
        stems[os.path.splitext(name)[0].casefold()].append(name)
    yield from (
        ("warning", "doubled name", ", ".join(names)) for names in stems.values() if names[1:]
    )
    for kind, files in layout.labels.items():
        if kind in ("frame_data", "scene_gt"):
            continue
        without = [name for name in layout.renders if name not in files]
        yield from (("warning", "no label", f"{name} ({kind})") for name in without)
    yield from (("error", "rows", problem) for problem in layout.format.problems(layout))
    for coco, images in layout.details.get("files", ()):
        for row in coco.annotations:
            if row["image_id"] in images and (words := odd_polygon(row)):
                yield "warning", "polygon", f"{images[row['image_id']]}: {words}"


def _splits(layout: Layout) -> dict[str, set[str]]:
    """The splits that an image belongs to, as folders or the names of COCO files say."""
    splits: dict[str, set[str]] = {name: set() for name in layout.renders}
    for name in layout.renders:
        parts = PurePosixPath(name).parts[:-1]
        splits[name].update([part.lower() for part in parts if _SPLIT.match(part)][:1])
    for coco, images in layout.details.get("files", ()):
        words = re.split(r"[_.]", PurePosixPath(coco.path).stem.lower())
        for name in images.values():
            splits[name].update([word for word in words if _SPLIT.match(word)][:1])
    return splits
