"""Detection sets in memory, from COCO files and every format that has boxes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.coco_records import ImageRecord, other_size, read_with_files, records_of
from refinezoo.data.coco_rows import CocoFile
from refinezoo.data.coco_values import Id
from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError, did_you_mean


@dataclass(frozen=True)
class CocoDataset:
    """A detection set in memory; images are read on demand.

    Attributes:
        records: one per image, in the file's order.
        class_names: K names, sorted by category id.
        category_ids: K COCO ids, ascending; `category_ids[label]` leads back.
        json_path: the file (the first one's after `concat`), or the folder of another format.
        counts: how many boxes were clipped, dropped, ... when loading.
        joined: of `concat`, so that no one file says it all.
    """

    records: list[ImageRecord]
    class_names: list[str]
    category_ids: list[Id]
    json_path: Path
    counts: dict[str, int] = field(default_factory=dict)
    joined: bool = False

    @classmethod
    def load(
        cls, source: str | os.PathLike, image_folder: str | os.PathLike | None = None
    ) -> "CocoDataset":
        """Loads a COCO file, or the folder of a dataset with boxes (COCO, VOC, YOLO, ...).

        Boxes that leave the image are clipped, boxes without area are dropped; both are counted
        in `counts` and logged. Images without objects are kept. Every image's size is compared
        with what the annotations say: where EXIF turns an image, the one of its two sizes that
        they give decides how it is read.

        Args:
            source: annotations file or dataset folder.
            image_folder: where the images are, there or in `images/` or in folders named after
                the file (`train2017/`); by default the file's folder or the one above.

        Raises:
            RefinezooError: no boxes, rows without a meaning, missing images or ones of another
                size, unknown categories, doubled ids.
        """
        return _loaded(*read_with_files(source, image_folder))

    def __len__(self) -> int:
        return len(self.records)

    def read(self, index: int) -> np.ndarray:
        """The image of `records[index]`: uint8 [H, W, 3] RGB.

        Raises:
            RefinezooError: unreadable, or another size than the annotation file says.
        """
        record = self.records[index]
        image = read_image(record.path, (record.width, record.height))
        if image.shape[:2] != (record.height, record.width):
            raise RefinezooError(
                other_size(record.path, (record.width, record.height), image.shape[1::-1])
            )
        return image

    def truth(self) -> Any:
        """What `coco_average_precision` takes as annotations: the COCO file, else `document()`."""
        one_file = self.json_path.is_file() and not self.joined
        return self.json_path if one_file else self.document()

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
        return replace(self, records=records, counts={})

    def concat(self, other: "CocoDataset") -> "CocoDataset":
        """Both datasets, e.g. real + refined; classes are matched by name.

        Where both have an image of the same id, all images are numbered anew, from 1.

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
        theirs = [replace(record, labels=order[record.labels]) for record in other.records]
        records = self.records + theirs
        if {record.id for record in self.records} & {record.id for record in theirs}:
            records = [replace(record, id=number) for number, record in enumerate(records, 1)]
        return replace(self, records=records, counts={}, joined=True)


def load_with_rows(source: str | os.PathLike) -> tuple[CocoDataset, CocoFile, dict[Id, Path]]:
    """`CocoDataset.load`, and the rows and files that it was made of."""
    coco, files, path = read_with_files(source)
    return _loaded(coco, files, path), coco, files


def _loaded(coco: CocoFile, files: dict[Id, Path], path: Path) -> CocoDataset:
    records, counts = records_of(coco, files, path)
    return CocoDataset(records, list(coco.categories.values()), list(coco.categories), path, counts)
