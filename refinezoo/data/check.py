"""`check_dataset`: every annotation, mask and depth map held against its picture."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from refinezoo.data.boxes import in_first_pixel, misfit, other_reading
from refinezoo.data.coco_masks import mask_bounds
from refinezoo.data.decode import decode
from refinezoo.data.depth_files import read_depth
from refinezoo.data.formats import Layout, recognise
from refinezoo.data.images import read_picture
from refinezoo.data.mask_files import read_class_ids, read_foreground_mask
from refinezoo.errors import RefinezooError
from refinezoo.files import sha256

_SPLIT = re.compile(r"^(train|trainval|val|valid|validation|test|dev)(ing)?(\d*|[_-].*)?$", re.I)
_NEAR_M, _FAR_M = 0.05, 1000.0  # of depth: half of a picture is within
_ID_KINDS = ("class_ids", "instance_ids", "train_ids", "first_mask")
_ADVICE = {
    "unreadable": "copy these files again or delete them",
    "missing": "restore these pictures, or remove their entries",
    "rows": "correct or remove these rows",
    "size": "restore the picture, or correct the annotations: boxes and masks do not fit",
    "outside": "are the boxes of another picture, or of another size of it?",
    "normalised": "multiply the boxes by the picture's width and height",
    "corners": "these boxes seem to be x1, y1, x2, y2; COCO has x, y, width, height",
    "reading": "look at some boxes in their pictures; COCO has x, y, width, height",
    "doubled box": "the same box stands twice in a picture; remove one",
    "boxes": "training and measuring refuse these annotations",
    "polygon": "correct or remove these polygons: segmentation learns from them",
    "no area": "remove these boxes",
    "empty": "a detector learns background from them; make sure that this is meant",
    "no label": "make the label, or leave the picture out",
    "doubled": "pictures of one content weigh more; delete the copies",
    "doubled name": "results named after them would overwrite each other; rename one",
    "split leakage": "what is trained on must not be measured on; remove them from one split",
    "alpha": "training lays transparent pixels over mid-grey; flatten them over what you mean",
    "turned": "tools disagree on EXIF rotation; save these pictures upright",
    "no object": "the mask is empty; make sure that this is meant",
    "all object": "no pixel is background; make sure that the mask is not inverted",
    "coloured": "class ids need a table of colours (colours= in Python), or grey or palette masks",
    "no depth": "all depth is missing",
    "depth unit": "is this depth in metres (floats) or millimetres (whole numbers)?",
    "doubtful": "name the pictures with --images",
    "assumed": "make sure that this is meant",
}


@dataclass
class _Seen:
    """What was found in one picture and its labels."""

    name: str
    sha256: str = ""
    findings: list[tuple[str, str, str]] = field(default_factory=list)  # level, code, file
    boxes: list[tuple[list[float], tuple[int, int]]] = field(default_factory=list)


def check_dataset(
    source: str | os.PathLike, *, images: str | list[str] | None = None, workers: int = 4
) -> dict[str, Any]:
    """Decodes every picture and label of a dataset and compares them.

    Args:
        source: the dataset's folder.
        images: patterns that decide which files are pictures; see `recognise`.
        workers: threads.

    Returns:
        `{"ok", "format", "images", "labels": {kind: count}, "findings": [{"level", "code", "count",
        "files", "advice"}]}`, JSON-able; `ok` is False with a finding of level "error".

    Raises:
        RefinezooError: no such folder, or no pictures in it.
    """
    layout = recognise(source, images=images)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for level, code, file in _of_the_whole(layout):
        found[level, code].append(file)
    contents: dict[str, list[str]] = defaultdict(list)
    boxes: list[tuple[list[float], tuple[int, int]]] = []
    with ThreadPoolExecutor(workers) as pool:
        for seen in pool.map(lambda name: _looked_at(layout, name), layout.renders):
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
    lines = [f"{report['format']}: {report['images']} pictures" + (f"; {labels}" if labels else "")]
    for finding in report["findings"]:
        lines.append(f"\n{finding['level'].upper()} {finding['code']}: {finding['count']}")
        lines += [f"  {file}" for file in finding["files"][:3]]
        if finding["count"] > 3:
            lines.append("  ...")
        lines.append(f"  -> {finding['advice']}")
    if not report["findings"]:
        lines.append("Nothing found: labels and pictures fit.")
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
    for coco, pictures in layout.details.get("files", ()):
        for row in coco.annotations:
            if row["image_id"] in pictures and (words := _of_polygons(row)):
                yield "warning", "polygon", f"{pictures[row['image_id']]}: {words}"


def _of_polygons(row: dict[str, Any]) -> str:
    """What is odd in an annotation's polygons, in words."""
    if not isinstance(row["segmentation"], list) or not row["segmentation"]:
        return ""
    if (bounds := mask_bounds(row["segmentation"])) is None:
        return f"no points x, y, x, y, ...: {row['segmentation']!r:.60}"
    (x, y, w, h), (left, top, width, height) = row["bbox"], bounds
    beyond = max(x - left, y - top, left + width - x - w, top + height - y - h)
    if beyond > 2 + 0.1 * max(w, h):
        return f"reaches {beyond:.0f} pixels beyond its box {np.round(row['bbox'], 1).tolist()}"
    return ""


def _looked_at(layout: Layout, name: str) -> _Seen:
    seen = _Seen(name)
    stated = layout.size(name)
    try:
        seen.sha256 = sha256(layout.root / name)
        picture = read_picture(layout.root / name, stated)
    except (RefinezooError, OSError) as error:
        seen.findings.append(("error", "unreadable", str(error)))
        return seen
    height, width = picture.rgb.shape[:2]
    if layout.size_is_stated(name) and stated != (width, height):
        seen.findings.append(
            ("error", "size", f"{name}: {width} x {height}, annotated {stated[0]} x {stated[1]}")
            if stated
            else ("error", "size", name)
        )
    if any("EXIF" in words for words in picture.conversions):
        seen.findings.append(("warning", "turned", name))
    if picture.alpha is not None and picture.alpha.min() < picture.alpha.max():
        share = float((picture.alpha < 128).mean())
        seen.findings.append(("warning", "alpha", f"{name}: {share:.0%} transparent"))
    seen.findings += _of_boxes(layout, name, width, height)
    seen.boxes = [
        ([x1, y1, x2 - x1, y2 - y1], (width, height))
        for x1, y1, x2, y2 in layout.format.boxes(layout, name, width, height)
    ]
    seen.findings += _of_maps(layout, name, width, height)
    return seen


def _of_boxes(layout: Layout, name: str, width: int, height: int) -> Iterator[tuple[str, str, str]]:
    rows = layout.format.boxes(layout, name, width, height)
    if not rows:
        if layout.format.name in ("coco", "voc", "yolo"):
            yield "note", "empty", name
        return
    boxes = np.asarray(rows, np.float64).reshape(-1, 4)
    low, high = boxes[:, :2], boxes[:, 2:]
    shares = in_first_pixel(low, high) & (min(width, height) > 1)
    if shares.any():
        yield "error", "normalised", f"{name}: {np.round(boxes[shares][0], 3).tolist()}"
    limits = np.array([width, height])
    out = (low < -1).any(axis=1) | (high > limits + 1).any(axis=1)
    if layout.format.name == "coco" and out.any() and (high - low > low).all():
        fit = (low >= 0).all() and (high - low <= limits).all()  # read as x1, y1, x2, y2
        if fit and ((high - limits) / limits).max() > 0.1:
            yield "error", "corners", name
            return
    for box in boxes[out]:
        level = "error" if (box[:2] >= limits).any() or (box[2:] <= 0).any() else "warning"
        yield level, "outside", f"{name}: {np.round(box, 1).tolist()}"
    of_one_file = len(layout.details.get("files", ())) < 2
    if of_one_file and len(np.unique(boxes, axis=0)) < len(boxes):
        yield "warning", "doubled box", name
    for box in boxes[(high <= low).any(axis=1)]:
        yield "error", "no area", f"{name}: {np.round(box, 1).tolist()}"


def _of_maps(layout: Layout, name: str, width: int, height: int) -> Iterator[tuple[str, str, str]]:
    for kind, files in layout.labels.items():
        if name not in files:
            continue
        file = layout.root / files[name]
        try:
            if kind == "foreground_mask":
                mask = read_foreground_mask(file, height, width)
                if not mask.any():
                    yield "note", "no object", files[name]
                elif mask.all():
                    yield "note", "all object", files[name]
            elif kind in _ID_KINDS:
                shape = decode(file, size=(width, height)).values.shape
                if shape[:2] != (height, width):
                    yield "error", "size", f"{files[name]}: {shape[1]} x {shape[0]}, of {name}"
                elif kind == "class_ids" and len(shape) == 3:
                    yield from _of_colours(file, files[name])
            elif kind == "depth" and PurePosixPath(files[name]).suffix.lower() != ".exr":
                depth = read_depth(file, layout.depth_unit_m)
                if depth.shape[:2] != (height, width):
                    sizes = f"{depth.shape[1]} x {depth.shape[0]}"
                    yield "error", "size", f"{files[name]}: {sizes}, of {name}"
                elif not depth.any():
                    yield "warning", "no depth", files[name]
                elif not _NEAR_M < (median := float(np.median(depth[depth > 0]))) < _FAR_M:
                    yield "warning", "depth unit", f"{files[name]}: {median:.3g} m in the middle"
        except RefinezooError as error:
            code = "size" if "size" in str(error) else "unreadable"
            yield "error", code, str(error)


def _of_colours(file: Path, name: str) -> Iterator[tuple[str, str, str]]:
    try:
        read_class_ids(file)
    except RefinezooError:
        yield "warning", "coloured", name


def _splits(layout: Layout) -> dict[str, set[str]]:
    """The splits that a picture belongs to, as folders or the names of COCO files say."""
    splits: dict[str, set[str]] = {name: set() for name in layout.renders}
    for name in layout.renders:
        parts = PurePosixPath(name).parts[:-1]
        splits[name].update([part.lower() for part in parts if _SPLIT.match(part)][:1])
    for coco, pictures in layout.details.get("files", ()):
        words = re.split(r"[_.]", PurePosixPath(coco.path).stem.lower())
        for name in pictures.values():
            splits[name].update([word for word in words if _SPLIT.match(word)][:1])
    return splits
