"""What was recognised in a dataset tree: images, their labels, and what is neither."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from refinezoo.data.boxes import as_boxes
from refinezoo.data.decode import read_header
from refinezoo.data.depth_files import map_size
from refinezoo.data.tree import Tree
from refinezoo.errors import RefinezooError
from refinezoo.renames import former_name


class Boxed(Protocol):
    """What a layout asks of the format that found it (`DatasetFormat`)."""

    name: ClassVar[str]
    title: ClassVar[str]

    def boxes(self, layout: Layout, name: str, width: int, height: int) -> list[list[float]]: ...

    def document(self, layout: Layout) -> dict[str, Any] | None: ...

    def problems(self, layout: Layout) -> list[str]: ...


_SHOWN = 6
_MASKS = ("foreground_mask", "class_ids", "instance_ids")


@dataclass
class Layout:
    """A dataset tree, sorted.

    Attributes:
        tree: all its files.
        format: how it was recognised.
        renders: POSIX paths below the root of the images, which refining repaints.
        labels: per kind ("foreground_mask", "class_ids", "depth", ...) the label file of an image.
        carried: all other files.
        unknown: those of the carried that are images and belong to nothing known.
        doubtful: words why label images may be among the renders; empty where none can be.
        mixed: whether those stand beside others that are surely images.
        photos: patterns of those that are surely images.
        missing: images that annotations name and the tree lacks.
        lost: rows of images that have no meaning, in words.
        notes: what was assumed, in words.
        depth_unit_m: metres per step of an integer depth file.
        details: what the format keeps for itself.
    """

    tree: Tree
    format: Boxed
    renders: list[str] = field(default_factory=list)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    carried: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    doubtful: str = ""
    mixed: bool = False
    photos: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    depth_unit_m: float = 0.001
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The tree's folder."""
        return self.tree.root

    @property
    def kind(self) -> str:
        """The format's name."""
        return self.format.name

    @property
    def boxes_xywh(self) -> dict[str, list[list[float]]]:
        """Per image the boxes of COCO files, [x, y, width, height] in pixels."""
        found = self.details.get("boxes", {})
        return {
            name: [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in rows]
            for name, rows in found.items()
        }

    def label(self, kind: str, name: str) -> Path | None:
        """The label file of an image, if it has one."""
        file = self.labels.get(kind, {}).get(name)
        return None if file is None else self.root / file

    def size(self, name: str) -> tuple[int, int] | None:
        """Width and height that its annotations, or else its maps, give an image, if they do."""
        if name in (known := self.details.get("sizes", {})):
            return known[name]
        for kind in dict.fromkeys((*_MASKS, *self.labels)):
            file = self.label(kind, name)
            if file is not None and (size := map_size(file)):
                return size
        return None

    def read_size(self, name: str) -> tuple[int, int]:
        """Width and height of an image as it is read: turned by EXIF unless its labels are not.

        Raises:
            RefinezooError: no image.
        """
        header = read_header(self.root / name)
        return header.upright if header.turns(self.size(name)) else header.stored

    def size_is_stated(self, name: str) -> bool:
        """Whether annotations, not only masks, give an image's size."""
        return name in self.details.get("sizes", {})

    def boxes(self, name: str, width: int, height: int) -> np.ndarray:
        """The labelled boxes of an image: float32 [N, 4], xyxy, pixels, clipped."""
        return as_boxes(self.format.boxes(self, name, width, height), width, height)

    def images(self) -> list[Path]:
        """The files of `renders`.

        Raises:
            RefinezooError: labels may be among them, or annotations name images that are not
                there or that cannot be understood.
        """
        if self.doubtful and self.mixed:
            raise RefinezooError(
                f"expected images in {self.root}, received what may be labels: {self.doubtful}. "
                "Give the folder of the images alone, or a pattern such as 'rgb/**/*.png'."
            )
        if self.missing:
            raise RefinezooError(
                f"{self.root}: {len(self.missing)} images that annotations name are missing: "
                f"{', '.join(self.missing[:3])}. Restore them."
            )
        if self.lost:
            raise RefinezooError(self.lost[0])
        return [self.root / name for name in self.renders]

    pictures = former_name("Layout.pictures", images)

    def describe(self) -> str:
        """What is repainted, what belongs to it, what is carried and what is not known."""
        lines = [f"{self.format.title}: {len(self.renders)} images to refine"]
        lines += [f"  {row}" for row in _summed(self.renders)]
        for kind, files in self.labels.items():
            lines.append(f"{kind}: of {len(files)} images")
            lines += [f"  {row}" for row in _summed(files.values())]
        rest = sorted({*self.carried} - {*self.unknown})
        lines.append(f"carried as they are: {len(rest)} files")
        lines += [f"  {row}" for row in _summed(rest)]
        if self.unknown:
            lines.append(f"not known, carried as they are: {len(self.unknown)} images")
            lines += [f"  {row}" for row in _summed(self.unknown)]
        if self.missing:
            lines.append(f"missing: {len(self.missing)} images that annotations name")
        lines += [f"note: {note}" for note in (*self.tree.notes, *self.notes)]
        return "\n".join(lines)


def coco_document(
    layout: Layout, objects: dict[str, list[dict[str, Any]]], classes: dict[int, str]
) -> dict[str, Any]:
    """A COCO document of boxes per image; ids count from 1, sizes are the files'.

    Args:
        layout: of the dataset.
        objects: per image rows `category` (of `classes`, from 0), `xyxy` (pixels) and further
            keys of COCO annotations.
        classes: names by category; the id of category k is k + 1.
    """
    images, annotations = [], []
    for number, (name, rows) in enumerate(objects.items(), start=1):
        width, height = layout.details.get("sizes", {}).get(name) or layout.read_size(name)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for row in rows:
            x1, y1, x2, y2 = row["xyxy"]
            more = {key: value for key, value in row.items() if key not in ("category", "xyxy")}
            annotations.append(
                {
                    "image_id": number,
                    "category_id": row["category"] + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    **more,
                }
            )
    categories = [{"id": number + 1, "name": name} for number, name in classes.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def _summed(names: Any) -> list[str]:
    """Files by folder and suffix, the most first: `images/*.png: 8`."""
    counts = Counter(
        f"{os.path.dirname(name)}/*{os.path.splitext(name)[1]}".lstrip("/") for name in names
    )
    rows = [f"{pattern}: {count}" for pattern, count in counts.most_common(_SHOWN)]
    return rows + ([f"and {len(counts) - _SHOWN} more folders"] if len(counts) > _SHOWN else [])
