"""YOLO: a text file an image, sizes as shares of the image's."""

import math
import re
from pathlib import Path
from typing import Any

from refinezoo.data.formats.base import (
    LISTS,
    DatasetFormat,
    add_siblings,
    belongs_to_several,
    dataset_format,
    shared,
    sibling,
)
from refinezoo.data.formats.doubt import look_among_annotated
from refinezoo.data.formats.evidence import in_label_folder
from refinezoo.data.formats.layout import Layout, coco_document
from refinezoo.data.formats.yolo_classes import class_settings, read_text
from refinezoo.data.formats.yolo_poses import look_like_poses
from refinezoo.data.tree import Tree
from refinezoo.errors import RefinezooError

_SAMPLES = 300
_MOST_CLASSES = 1_000_000
_NUMBERS = re.compile(r"'\d+[\s,;]+[-\d.]+[\s,;]")  # that begin a line which is not understood
_FAR = 2.0  # image widths: no box of shares reaches beyond


@dataset_format
class Yolo(DatasetFormat):
    """`images/NAME.*` with `labels/NAME.txt`, or both in one folder (Darknet).

    A line is a class and then: x, y, w, h (a box); with a fifth number, its confidence; x, y, w, h
    and keypoints (a pose; `kpt_shape` of data.yaml says so, else lines of one length whose points
    all lie in the box of the first four numbers); or x, y, x, y, x, y, ... (a polygon).
    Reference: https://docs.ultralytics.com/datasets/
    """

    name = "yolo"
    title = "YOLO (boxes, polygons, pose)"
    example = "images/train/0001.jpg, labels/train/0001.txt, data.yaml"
    order = 40
    annotated = True

    def claims(self, tree: Tree) -> bool:
        """Whether images have text files of numbers under their name."""
        files = list(self._labelled(tree).values())[:_SAMPLES]
        read = [(file, *_read(tree.root / file)) for file in files]
        return any(
            rows or not odd or ("labels/" in file and _NUMBERS.match(odd[0]))
            for file, rows, odd in read
        )

    def read(self, tree: Tree) -> Layout:
        """The labelled images, and all others in folders of such."""
        layout = Layout(tree, self)
        labels = self._labelled(tree)
        folders = {name.rpartition("/")[0] for name in labels}
        layout.renders = [
            name
            for name in tree.images
            if name.rpartition("/")[0] in folders and not in_label_folder(name)
        ]
        layout.labels["annotations"] = labels
        layout.details = class_settings(tree)
        files = list(labels.values())
        some = [_read(tree.root / file) for file in files[:: max(1, len(files) // _SAMPLES)]]
        if not_read := [odd[0] for _, odd in some if odd]:
            layout.notes.append(
                f"lines of {len(not_read)} of {len(some)} label files are not understood: "
                f"{not_read[0]}"
            )
        if (poses := layout.details["poses"]) is None:
            poses = look_like_poses([row[1:] for rows, _ in some for row in rows])
            if poses:
                layout.notes.append("numbers after the boxes are taken for keypoints")
        layout.details["poses"] = poses
        layout.notes += [problem for problem in (layout.details["problem"],) if problem]
        if not layout.details["names"] and not layout.details["problem"]:
            layout.notes.append(
                "no data.yaml or classes.txt names the classes: class 0, class 1, ..."
            )
        look_among_annotated(tree, layout)
        add_siblings(tree, layout)
        return layout

    def boxes(self, layout: Layout, name: str, width: int, height: int) -> list[list[float]]:
        """Those of the image's text file; lines that are no numbers are left out."""
        return [_scaled(box, (width, height)) for _, box, _ in self._objects(layout, name)]

    def document(self, layout: Layout) -> dict[str, Any] | None:
        """All boxes; class k has the id k + 1.

        Raises:
            RefinezooError: lines without a meaning, or a class without a name in data.yaml.
        """
        if problems := self._odd(layout):
            more = f" ({len(problems) - 1} more like it)" if problems[1:] else ""
            raise RefinezooError(problems[0] + more)
        names = layout.details["names"]
        found = {name: self._objects(layout, name) for name in layout.renders}
        classes = {label for rows in found.values() for label, *_ in rows}
        if names and (unknown := sorted(classes - set(names))):
            raise RefinezooError(
                f"expected the classes that {layout.details['file']} names "
                f"({', '.join(map(str, list(names)[:10]))}), received class {unknown[0]}. Add its "
                "name, or correct the labels."
            )
        names = names or {number: f"class {number}" for number in sorted(classes)}
        rows: dict[str, list[dict[str, Any]]] = {}
        poses = bool(layout.details["poses"])  # counted where they are left out
        for name, objects in found.items():
            sides = layout.read_size(name)
            rows[name] = [
                {"category": label, "xyxy": _scaled(box, sides), "keypoints": poses}
                | ({"segmentation": [_scaled(outline, sides)]} if outline else {})
                for label, box, outline in objects
            ]
        return coco_document(layout, rows, names)

    def problems(self, layout: Layout) -> list[str]:
        """All lines without a meaning; else what `document` refuses."""
        return self._odd(layout) or super().problems(layout)

    def _odd(self, layout: Layout) -> list[str]:
        labels = layout.labels.get("annotations", {})
        found = [problem for problem in (layout.details["problem"],) if problem]
        found += [belongs_to_several(*several) for several in shared(labels).items()]
        for file in sorted(set(labels.values())):
            rows, odd = _read(layout.root / file)
            for row in rows:
                if not (box := _box(row[1:], layout.details["poses"])):
                    odd.append(f"a line of {len(row)} numbers")
                elif max(map(abs, box)) > _FAR:
                    odd.append(f"{row[1:5]}, which are no shares of an image's size")
            found += [
                f"{layout.root / file}: expected lines of a class, then x y w h or a polygon's "
                f"points, received {line}. Correct or remove it."
                for line in odd
            ]
        return found

    def _objects(self, layout: Layout, name: str) -> list[tuple[int, list[float], list[float]]]:
        """Class, xyxy and polygon, as shares of the image's size, of each line."""
        file = layout.label("annotations", name)
        found = []
        for label, *values in _read(file)[0] if file else []:
            if box := _box(values, layout.details["poses"]):
                outline = values if _is_polygon(values, layout.details["poses"]) else []
                found.append((int(label), box, outline))
        return found

    def _labelled(self, tree: Tree) -> dict[str, str]:
        texts = [name for name in tree.files if name.lower().endswith(".txt")]
        if not any(name.rsplit("/", 1)[-1].lower() not in LISTS for name in texts):
            return {}
        found = {}
        for name in tree.images:
            if in_label_folder(name):
                continue
            file = sibling(tree, name, ("labels",), (".txt",)) or tree.with_stem(
                name.rsplit(".", 1)[0], (".txt",)
            )
            if file:
                found[name] = file
        return found


def _read(path: Path) -> tuple[list[list[float]], list[str]]:
    """The lines of a class and four numbers or more; and all others that are not empty."""
    try:
        lines = read_text(path).splitlines()
    except RefinezooError as error:
        return [], [str(error)]
    except OSError as error:
        return [], [f"nothing: {error.strerror}"]
    found, odd = [], []
    for line in filter(str.strip, lines):
        try:
            values = [float(word) for word in line.split()]
        except ValueError:
            values = []
        whole = len(values) >= 5 and all(map(math.isfinite, values)) and values[0].is_integer()
        if whole and 0 <= values[0] < _MOST_CLASSES:
            found.append(values)
        else:
            odd.append(f"{line.strip()!r:.80}")
    return found, odd


def _box(values: list[float], poses: bool) -> list[float] | None:
    """[x1, y1, x2, y2] of what follows the class on a line."""
    if len(values) in (4, 5) or poses:
        x, y, w, h = values[:4]
        return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    if _is_polygon(values, poses):
        xs, ys = values[0::2], values[1::2]
        return [min(xs), min(ys), max(xs), max(ys)]
    return None


def _scaled(shares: list[float], sides: tuple[int, int]) -> list[float]:
    """x, y, x, y, ... in pixels."""
    return [share * sides[place % 2] for place, share in enumerate(shares)]


def _is_polygon(values: list[float], poses: bool) -> bool:
    """Whether what follows the class on a line are the points of a polygon."""
    return not poses and len(values) >= 6 and len(values) % 2 == 0
