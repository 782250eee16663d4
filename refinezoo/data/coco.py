"""Reading COCO detection sets, with every defect worded or counted."""

import json
import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError, did_you_mean

_log = logging.getLogger(__name__)
_SECTIONS = {
    "images": ("id", "file_name", "width", "height"),
    "annotations": ("image_id", "category_id"),
    "categories": ("id", "name"),
}


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

    id: int
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
    """A COCO detection set in memory; pictures are read on demand.

    Attributes:
        records: one per picture, in the file's order.
        class_names: K names, sorted by category id.
        category_ids: K COCO ids, ascending; `category_ids[label]` leads back.
        json_path: the file (the first one's after `concat`).
        counts: how many boxes were clipped, dropped, ... when loading.
    """

    records: list[ImageRecord]
    class_names: list[str]
    category_ids: list[int]
    json_path: Path
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(
        cls, source: str | os.PathLike, image_folder: str | os.PathLike | None = None
    ) -> "CocoDataset":
        """Loads a COCO file, or a folder that holds `annotations.json` and `images/`.

        Boxes that leave the picture are clipped, boxes without area are dropped; both are counted
        in `counts` and logged. Pictures without objects are kept.

        Args:
            source: annotations file or dataset folder.
            image_folder: where the pictures are; by default `images/` beside the file, else
                the file's own folder.

        Raises:
            RefinezooError: no COCO file, incomplete rows, missing pictures, unknown
                categories, doubled ids.
        """
        path = Path(source)
        path = path / "annotations.json" if path.is_dir() else path
        document = _document(path)
        if image_folder is None:
            beside = path.parent / "images"
            image_folder = beside if beside.is_dir() else path.parent
        categories = sorted((int(row["id"]), str(row["name"])) for row in document["categories"])
        labels = {number: k for k, (number, _) in enumerate(categories)}
        images = _images(document["images"], Path(image_folder), path)
        counts: Counter = Counter()
        boxes = _boxes(document["annotations"], images, labels, path, counts)
        records = [_record(images[number], boxes.get(number, [])) for number in images]
        counts["images_without_objects"] = sum(not len(record.labels) for record in records)
        if counts["clipped"] or counts["dropped_without_area"]:
            _log.warning(
                "%s: %d boxes clipped to their picture, %d without area dropped",
                path,
                counts["clipped"],
                counts["dropped_without_area"],
            )
        names = [name for _, name in categories]
        return cls(records, names, [number for number, _ in categories], path, dict(counts))

    def __len__(self) -> int:
        return len(self.records)

    def read(self, index: int) -> np.ndarray:
        """The picture of `records[index]`: uint8 [H, W, 3] RGB.

        Raises:
            RefinezooError: unreadable, or another size than the annotation file says.
        """
        record = self.records[index]
        image = read_image(record.path)
        if image.shape[:2] != (record.height, record.width):
            raise RefinezooError(
                f"{record.path}: expected {record.width} x {record.height} pixels as "
                f"{self.json_path} says, received {image.shape[1]} x {image.shape[0]}. "
                "Boxes would not fit; restore the picture or correct the file."
            )
        return image

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


def _document(path: Path) -> dict:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RefinezooError(f"expected a COCO file, received {path}: {error.strerror}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RefinezooError(
            f"{path}: expected COCO JSON, received broken text ({error})."
        ) from None
    if not isinstance(document, dict) or any(key not in document for key in _SECTIONS):
        keys = list(document) if isinstance(document, dict) else type(document).__name__
        raise RefinezooError(
            f"{path}: expected a COCO file with {', '.join(_SECTIONS)}, received {keys}."
        )
    for section, keys in _SECTIONS.items():
        for place, row in enumerate(document[section]):
            lacking = [key for key in keys if not isinstance(row, dict) or row.get(key) is None]
            if lacking:
                raise RefinezooError(
                    f"{path}: expected {', '.join(keys)} in every row of {section}, received row "
                    f"{place} (id {row.get('id') if isinstance(row, dict) else None}) without "
                    f"{', '.join(lacking)}. Correct or remove that row."
                )
    return document


def _images(rows: list[dict], folder: Path, path: Path) -> dict[int, dict]:
    images, missing = {}, []
    for row in rows:
        file = folder / row["file_name"]
        if row["id"] in images:
            raise RefinezooError(
                f"{path}: expected different image ids, received {row['id']} twice."
            )
        if not file.is_file():
            missing.append(row["file_name"])
        images[row["id"]] = {**row, "path": file}
    if missing:
        raise RefinezooError(
            f"{path}: expected {len(rows)} pictures in {folder}, {len(missing)} are missing: "
            f"{', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}. Give the right "
            "image_folder, or remove these entries from the file."
        )
    return images


def _boxes(rows, images, labels, path: Path, counts: Counter) -> dict[int, list[tuple]]:
    found: dict[int, list[tuple]] = {}
    for row in rows:
        if row["category_id"] not in labels:
            raise RefinezooError(
                f"{path}: annotation {row.get('id')} has category_id {row['category_id']}; "
                f"expected one of the file's categories {sorted(labels)}."
            )
        if row["image_id"] not in images:
            raise RefinezooError(
                f"{path}: annotation {row.get('id')} belongs to image_id {row['image_id']}, which "
                "is not among the file's images."
            )
        box = np.asarray(row.get("bbox", ()), np.float64)
        if box.shape != (4,) or not np.isfinite(box).all():
            raise RefinezooError(
                f"{path}: annotation {row.get('id')}: expected bbox [x, y, width, height] in "
                f"pixels, received {row.get('bbox')}."
            )
        image = images[row["image_id"]]
        low = np.clip(box[:2], 0, (image["width"], image["height"]))
        high = np.clip(box[:2] + box[2:], 0, (image["width"], image["height"]))
        if (high <= low).any():
            counts["dropped_without_area"] += 1
            continue
        # Half a pixel over the edge is rounding, not a defect.
        counts["clipped"] += int(
            max(np.abs(low - box[:2]).max(), np.abs(high - box[:2] - box[2:]).max()) > 0.5
        )
        found.setdefault(row["image_id"], []).append(
            (
                [*low, *(high - low)],
                labels[row["category_id"]],
                bool(row.get("iscrowd", 0)),
                bool(row.get("truncated", False)),
                float(row.get("visibility", 1.0)),
            )
        )
    return found


def _record(image: dict, rows: list[tuple]) -> ImageRecord:
    boxes, labels, crowd, truncated, visibility = zip(*rows, strict=True) if rows else ([],) * 5
    return ImageRecord(
        id=image["id"],
        path=image["path"],
        width=int(image["width"]),
        height=int(image["height"]),
        boxes_xywh=np.asarray(boxes, np.float32).reshape(-1, 4),
        labels=np.asarray(labels, np.int64),
        crowd=np.asarray(crowd, bool),
        truncated=np.asarray(truncated, bool),
        visibility=np.asarray(visibility, np.float32),
        ignore_regions=np.asarray(image.get("ignore_regions") or [], np.float32).reshape(-1, 4),
    )
