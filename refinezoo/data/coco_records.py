"""The images of a detection set and their boxes, from rows that are held against the files."""

import logging
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.boxes import misfit, other_reading
from refinezoo.data.coco_file import read_coco
from refinezoo.data.coco_images import rows_and_images
from refinezoo.data.coco_rows import CocoFile
from refinezoo.data.coco_values import Id
from refinezoo.data.decode import Header, read_header
from refinezoo.data.formats import recognise
from refinezoo.data.formats.coco import coco_files, several
from refinezoo.data.tree import read_tree, refuse_archive
from refinezoo.errors import RefinezooError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageRecord:
    """One image and its boxes.

    Attributes:
        id: COCO image id.
        path: the image's file.
        width: pixels.
        height: pixels.
        boxes_xywh: float32 [N, 4] pixels, top left corner, COCO; clipped to the image.
        labels: int64 [N], 0 to K - 1, index into `class_names`.
        crowd: bool [N], boxes to be ignored in training (`iscrowd`).
        truncated: bool [N], cut by the image's edge (where the file says so).
        visibility: float32 [N], visible share of the object (1 where the file does not say).
        ignore_regions: float32 [M, 4], xywh; unlabelled objects of any class may stand there.
    """

    id: Id
    path: Path
    width: int
    height: int
    boxes_xywh: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    truncated: np.ndarray
    visibility: np.ndarray
    ignore_regions: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))


def read_with_files(
    source: str | os.PathLike, image_folder: str | os.PathLike | None = None
) -> tuple[CocoFile, dict[Id, Path], Path]:
    """The rows of a dataset with boxes, the file of each image, and where they were read.

    Args and raises as `CocoDataset.load`, but sizes and boxes are not looked at.
    """
    path = Path(source)
    if path.is_dir() and not (path / "annotations.json").is_file():
        layout = recognise(path)
        document = layout.format.document(layout)
        if document is None:
            raise RefinezooError(
                f"expected a dataset with boxes (COCO, VOC, YOLO), received {path}, recognised "
                f"as {layout.format.title}. Give the annotations file itself."
            )
        for note in (*layout.tree.notes, *layout.notes):
            _log.warning("%s: %s", path, note)
        coco = read_coco(document)
        coco.path = str(path)
        files = {number: path / row["file_name"] for number, row in coco.checked().images.items()}
    else:
        if path.is_dir():
            tree, path = read_tree(path), path / "annotations.json"
            if others := coco_files(tree, without=path.name):
                raise RefinezooError(several(tree, [path.name, *others]))
        refuse_archive(path)
        coco, files = rows_and_images(path, image_folder)
    if not files:
        raise RefinezooError(f"{path}: expected images, received a file that names none.")
    return coco, files, path


def records_of(
    coco: CocoFile, files: dict[Id, Path], path: Path
) -> tuple[list[ImageRecord], dict[str, int]]:
    """A record of each image, its size and boxes held against it, and what was counted.

    Args:
        coco: the rows.
        files: the image of each image id.
        path: where the rows were read, for words.

    Raises:
        RefinezooError: images of another size, or boxes that are none in pixels.
    """
    labels = {number: k for k, number in enumerate(coco.categories)}
    counts: Counter[str] = Counter(coco.counts)
    sizes = {number: _size(files[number], row) for number, row in coco.images.items()}
    found: dict[Id, list[tuple]] = {}
    boxes = [(row["bbox"], sizes[row["image_id"]]) for row in coco.annotations]
    if words := misfit(boxes):
        raise RefinezooError(f"{path}: expected boxes in pixels of their images, but {words}")
    if words := other_reading(boxes):
        _log.warning("%s: %s. Look at some of them; COCO has x, y, width, height.", path, words)
    for row in coco.annotations:
        limits = sizes[row["image_id"]]
        box = np.asarray(row["bbox"], np.float64)
        low = np.clip(box[:2], 0, limits)
        high = np.clip(box[:2] + box[2:], 0, limits)
        if (high <= low).any():
            counts["dropped_without_area"] += 1
            continue
        # Half a pixel over the edge is rounding, not a defect.
        counts["clipped"] += int(
            max(np.abs(low - box[:2]).max(), np.abs(high - box[:2] - box[2:]).max()) > 0.5
        )
        entry = (
            [*low, *(high - low)],
            labels[row["category_id"]],
            bool(row["iscrowd"]),
            row["truncated"],
            row["visibility"],
        )
        found.setdefault(row["image_id"], []).append(entry)
    records = [
        _record(number, files[number], sizes[number], row, found.get(number, []))
        for number, row in coco.images.items()
    ]
    counts["images_without_objects"] = sum(not len(record.labels) for record in records)
    if counts["clipped"] or counts["dropped_without_area"]:
        _log.warning(
            "%s: %d boxes clipped to their image, %d without area dropped",
            path,
            counts["clipped"],
            counts["dropped_without_area"],
        )
    return records, dict(counts)


def _size(file: Path, row: dict[str, Any]) -> tuple[int, int]:
    """The image's width and height as its annotations mean it."""
    header: Header = read_header(file)
    if row["width"] is None or row["height"] is None:
        return header.upright
    size = row["width"], row["height"]
    if size not in (header.upright, header.stored):
        raise RefinezooError(other_size(file, size, header.upright))
    return size


def other_size(path: Path, expected: tuple[int, int], received: tuple[int, ...]) -> str:
    """Words for an image of another size than its annotations say."""
    return (
        f"{path}: expected {expected[0]} x {expected[1]} pixels as its annotations say, received "
        f"{received[0]} x {received[1]}. Boxes would not fit; restore the image or correct the "
        "annotations."
    )


def _record(
    number: Id, path: Path, size: tuple[int, int], image: dict[str, Any], rows: list[tuple]
) -> ImageRecord:
    boxes, labels, crowd, truncated, visibility = zip(*rows, strict=True) if rows else ([],) * 5
    return ImageRecord(
        id=number,
        path=path,
        width=size[0],
        height=size[1],
        boxes_xywh=np.asarray(boxes, np.float32).reshape(-1, 4),
        labels=np.asarray(labels, np.int64),
        crowd=np.asarray(crowd, bool),
        truncated=np.asarray(truncated, bool),
        visibility=np.asarray(visibility, np.float32),
        ignore_regions=np.asarray(image["ignore_regions"], np.float32).reshape(-1, 4),
    )
