"""What is odd in one image and its labels, as `check_dataset` reports it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from refinezoo.data.boxes import in_first_pixel
from refinezoo.data.coco_masks import mask_bounds
from refinezoo.data.decode import decode
from refinezoo.data.depth_files import read_depth
from refinezoo.data.formats import Layout
from refinezoo.data.images import read_image_file
from refinezoo.data.mask_files import read_class_ids, read_foreground_mask
from refinezoo.errors import RefinezooError
from refinezoo.files import sha256

_NEAR_M, _FAR_M = 0.05, 1000.0  # of depth: half of an image is within
_ID_KINDS = ("class_ids", "instance_ids", "train_ids", "first_mask")


@dataclass
class Seen:
    """What was found in one image and its labels.

    Attributes:
        name: the image's.
        sha256: of its bytes.
        findings: level ("error", "warning", "note"), code and file of each.
        boxes: x, y, width, height, each with the image's (width, height).
    """

    name: str
    sha256: str = ""
    findings: list[tuple[str, str, str]] = field(default_factory=list)
    boxes: list[tuple[list[float], tuple[int, int]]] = field(default_factory=list)


def looked_at(layout: Layout, name: str) -> Seen:
    """An image decoded, with its boxes, masks and depth held against it."""
    seen = Seen(name)
    stated = layout.size(name)
    try:
        seen.sha256 = sha256(layout.root / name)
        image = read_image_file(layout.root / name, stated)
    except (RefinezooError, OSError) as error:
        seen.findings.append(("error", "unreadable", str(error)))
        return seen
    height, width = image.rgb.shape[:2]
    if layout.size_is_stated(name) and stated != (width, height):
        seen.findings.append(
            ("error", "size", f"{name}: {width} x {height}, annotated {stated[0]} x {stated[1]}")
            if stated
            else ("error", "size", name)
        )
    if any("EXIF" in words for words in image.conversions):
        seen.findings.append(("warning", "turned", name))
    if image.alpha is not None and image.alpha.min() < image.alpha.max():
        share = float((image.alpha < 128).mean())
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


def odd_polygon(row: dict[str, Any]) -> str:
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
