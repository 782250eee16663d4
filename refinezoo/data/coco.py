"""Detection sets in memory, from COCO files and every format that has boxes."""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.boxes import misfit, other_reading
from refinezoo.data.coco_file import read_coco
from refinezoo.data.coco_pictures import rows_and_pictures
from refinezoo.data.coco_rows import CocoFile
from refinezoo.data.coco_values import Id
from refinezoo.data.decode import Header, read_header
from refinezoo.data.formats import recognise
from refinezoo.data.formats.coco import coco_files, several
from refinezoo.data.images import read_image
from refinezoo.data.tree import read_tree, refuse_archive
from refinezoo.errors import RefinezooError, did_you_mean

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageRecord:
    """One picture and its boxes.

    Attributes:
        id: COCO image id.
        path: the picture's file.
        width: pixels.
        height: pixels.
        boxes_xywh: float32 [N, 4] pixels, top left corner, COCO; clipped to the picture.
        labels: int64 [N], 0 to K - 1, index into `class_names`.
        crowd: bool [N], boxes to be ignored in training (`iscrowd`).
        truncated: bool [N], cut by the picture's edge (where the file says so).
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


@dataclass(frozen=True)
class CocoDataset:
    """A detection set in memory; pictures are read on demand.

    Attributes:
        records: one per picture, in the file's order.
        class_names: K names, sorted by category id.
        category_ids: K COCO ids, ascending; `category_ids[label]` leads back.
        json_path: the file (the first one's after `concat`), or the folder of another format.
        counts: how many boxes were clipped, dropped, ... when loading.
    """

    records: list[ImageRecord]
    class_names: list[str]
    category_ids: list[Id]
    json_path: Path
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(
        cls, source: str | os.PathLike, image_folder: str | os.PathLike | None = None
    ) -> "CocoDataset":
        """Loads a COCO file, or the folder of a dataset with boxes (COCO, VOC, YOLO, ...).

        Boxes that leave the picture are clipped, boxes without area are dropped; both are counted
        in `counts` and logged. Pictures without objects are kept. Every picture's size is compared
        with what the annotations say: where EXIF turns a picture, the one of its two sizes that
        they give decides how it is read.

        Args:
            source: annotations file or dataset folder.
            image_folder: where the pictures are, there or in `images/` or in folders named after
                the file (`train2017/`); by default the file's folder or the one above.

        Raises:
            RefinezooError: no boxes, rows without a meaning, missing pictures or ones of another
                size, unknown categories, doubled ids.
        """
        return _loaded(*read_with_files(source, image_folder))

    def __len__(self) -> int:
        return len(self.records)

    def read(self, index: int) -> np.ndarray:
        """The picture of `records[index]`: uint8 [H, W, 3] RGB.

        Raises:
            RefinezooError: unreadable, or another size than the annotation file says.
        """
        record = self.records[index]
        image = read_image(record.path, (record.width, record.height))
        if image.shape[:2] != (record.height, record.width):
            raise RefinezooError(
                _other_size(record.path, (record.width, record.height), image.shape[1::-1])
            )
        return image

    def truth(self) -> Any:
        """What `coco_average_precision` takes as annotations: the COCO file, else `document()`."""
        return self.json_path if self.json_path.is_file() else self.document()

    def document(self) -> dict[str, list[dict[str, Any]]]:
        """The set as a COCO document; boxes are as in `records`."""
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for record in self.records:
            images.append(
                {
                    "id": record.id,
                    "file_name": record.path.name,
                    "width": record.width,
                    "height": record.height,
                    "ignore_regions": record.ignore_regions.tolist(),
                }
            )
            rows = zip(record.boxes_xywh.tolist(), record.labels, record.crowd, strict=True)
            for box, label, crowd in rows:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": record.id,
                        "category_id": self.category_ids[label],
                        "bbox": box,
                        "area": box[2] * box[3],
                        "iscrowd": int(crowd),
                    }
                )
        pairs = zip(self.category_ids, self.class_names, strict=True)
        categories = [{"id": number, "name": name} for number, name in pairs]
        return {"images": images, "annotations": annotations, "categories": categories}

    def subset(self, indices: Sequence[int]) -> "CocoDataset":
        """The dataset of some records, in the given order."""
        records = [self.records[int(index)] for index in indices]
        return CocoDataset(records, self.class_names, self.category_ids, self.json_path)

    def concat(self, other: "CocoDataset") -> "CocoDataset":
        """Both datasets, e.g. real + refined; classes are matched by name.

        Raises:
            RefinezooError: the class names differ.
        """
        if set(self.class_names) != set(other.class_names):
            alone = sorted(set(self.class_names) ^ set(other.class_names))
            raise RefinezooError(
                f"expected the same classes in {self.json_path} and {other.json_path}, received "
                f"{len(self.class_names)} and {len(other.class_names)}; only in one of them: "
                f"{', '.join(alone[:5])}{' ...' if len(alone) > 5 else ''}."
                + did_you_mean(alone[0], [n for n in self.class_names if n != alone[0]])
            )
        order = np.array([self.class_names.index(name) for name in other.class_names], np.int64)
        theirs = [
            ImageRecord(**{**record.__dict__, "labels": order[record.labels]})
            for record in other.records
        ]
        return CocoDataset(
            self.records + theirs, self.class_names, self.category_ids, self.json_path
        )


def load_with_rows(source: str | os.PathLike) -> tuple[CocoDataset, CocoFile, dict[Id, Path]]:
    """`CocoDataset.load`, and the rows and files that it was made of."""
    coco, files, path = read_with_files(source)
    return _loaded(coco, files, path), coco, files


def read_with_files(
    source: str | os.PathLike, image_folder: str | os.PathLike | None = None
) -> tuple[CocoFile, dict[Id, Path], Path]:
    """The rows of a dataset with boxes, the file of each picture, and where they were read.

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
        coco, files = rows_and_pictures(path, image_folder)
    if not files:
        raise RefinezooError(f"{path}: expected pictures, received a file that names none.")
    return coco, files, path


def _loaded(coco: CocoFile, files: dict[Id, Path], path: Path) -> CocoDataset:
    labels = {number: k for k, number in enumerate(coco.categories)}
    counts: Counter[str] = Counter(coco.counts)
    sizes = {number: _size(files[number], row) for number, row in coco.images.items()}
    found: dict[Id, list[tuple]] = {}
    boxes = [(row["bbox"], sizes[row["image_id"]]) for row in coco.annotations]
    if words := misfit(boxes):
        raise RefinezooError(f"{path}: expected boxes in pixels of their pictures, but {words}")
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
            "%s: %d boxes clipped to their picture, %d without area dropped",
            path,
            counts["clipped"],
            counts["dropped_without_area"],
        )
    return CocoDataset(
        records, list(coco.categories.values()), list(coco.categories), path, dict(counts)
    )


def _size(file: Path, row: dict[str, Any]) -> tuple[int, int]:
    """The picture's width and height as its annotations mean it."""
    header: Header = read_header(file)
    if row["width"] is None or row["height"] is None:
        return header.upright
    size = row["width"], row["height"]
    if size not in (header.upright, header.stored):
        raise RefinezooError(_other_size(file, size, header.upright))
    return size


def _other_size(path: Path, expected: tuple[int, int], received: tuple[int, ...]) -> str:
    return (
        f"{path}: expected {expected[0]} x {expected[1]} pixels as its annotations say, received "
        f"{received[0]} x {received[1]}. Boxes would not fit; restore the picture or correct the "
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
