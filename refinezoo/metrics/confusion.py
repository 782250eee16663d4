"""What a detector takes for what: classes found against true ones, worst classes first."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from refinezoo.data.coco_values import whole_or_text
from refinezoo.errors import RefinezooError
from refinezoo.metrics.detection import check_detections, read_truth, with_crowd

#: In place of a class: nothing there (found without an object), nothing found (missed).
NOTHING = "-"


@dataclass(frozen=True)
class Confusion:
    """How often each class was found where each class was true.

    Attributes:
        class_names: K names, by category id.
        counts: int [K + 1, K + 1], rows true, columns found; the last row counts detections without
            an object, the last column objects that were missed.
    """

    class_names: list[str]
    counts: np.ndarray

    def worst(self, count: int = 10) -> list[tuple[str, str, int]]:
        """The most frequent mistakes as (true, found, times); NOTHING where there is no class."""
        mistakes = self.counts * (1 - np.eye(len(self.counts), dtype=int))
        names = [*self.class_names, NOTHING]
        order = np.argsort(-mistakes, axis=None, kind="stable")[:count]
        pairs = [np.unravel_index(index, mistakes.shape) for index in order]
        return [
            (names[true], names[found], int(mistakes[true, found]))
            for true, found in pairs
            if mistakes[true, found]
        ]

    def table(self, count: int = 10) -> str:
        """The `worst` as a Markdown table, with the share of the true class's objects."""
        rows = ["| true | found | times | share |", "|---|---|---|---|"]
        objects = dict(zip([*self.class_names, NOTHING], self.counts.sum(axis=1), strict=True))
        for true, found, times in self.worst(count):
            share = "" if true == NOTHING else f"{times / objects[true]:.0%}"
            rows.append(f"| {true} | {found} | {times} | {share} |")
        return "\n".join(rows) + "\n"


def confusion(
    annotations: str | os.PathLike | dict,
    detections: list[dict],
    *,
    score_threshold: float = 0.3,
    iou_threshold: float = 0.5,
    image_ids: Collection[int] | None = None,
) -> Confusion:
    """Counts which class was found where which class is true.

    Best score first, each detection takes the free object that it overlaps most, whatever the
    classes. One that finds none and lies in a crowd box or `ignore_regions` is not counted.

    Args:
        annotations: COCO ground truth, a JSON file or its content.
        detections: COCO results, see `metrics.detection.coco_average_precision`.
        score_threshold: detections with a lower score are left out; without such a limit the
            many weak ones would drown the others.
        iou_threshold: least overlap of a detection with its object.
        image_ids: count these images only.

    Raises:
        RefinezooError: as `coco_average_precision`.
    """
    truth = with_crowd(read_truth(annotations))
    categories = truth["categories"]
    index_of = {row["id"]: k for k, row in enumerate(categories)}
    known = {image["id"] for image in truth["images"]}
    detections = check_detections(detections, known, index_of)
    chosen = known if image_ids is None else set(map(whole_or_text, image_ids))
    if not chosen <= known:
        raise RefinezooError(
            f"expected image_ids of the annotations, received {list(chosen - known)[:5]}."
        )
    counts = np.zeros((len(index_of) + 1,) * 2, int)
    objects = _by_image(truth["annotations"])
    found = _by_image(row for row in detections if row["score"] >= score_threshold)
    for image in chosen:
        _count(objects.get(image, []), found.get(image, []), index_of, iou_threshold, counts)
    return Confusion([row["name"] for row in categories], counts)


def class_table(result: dict) -> str:
    """The per-class part of `coco_average_precision` as a Markdown table, worst AP50 first."""
    per_class = result["per_class"]
    seen = [name for name in per_class if per_class[name]["AP50"] is not None]
    rows = ["| class | AP50 | AP |", "|---|---|---|"]
    for name in sorted(seen, key=lambda name: per_class[name]["AP50"]):
        rows.append(f"| {name} | {per_class[name]['AP50']:.3f} | {per_class[name]['AP']:.3f} |")
    rows += [f"| {name} | no object | |" for name in per_class if name not in seen]
    return "\n".join([*rows, f"| mean | {result['AP50']:.3f} | {result['AP']:.3f} |"]) + "\n"


def _by_image(rows) -> dict[Any, list[dict]]:
    grouped: dict[Any, list[dict]] = {}
    for row in rows:
        grouped.setdefault(row["image_id"], []).append(row)
    return grouped


def _count(objects, found, index_of, iou_threshold: float, counts: np.ndarray) -> None:
    """Adds one image to `counts`."""
    from pycocotools import mask

    nothing = len(index_of)
    crowd = [row for row in objects if row.get("iscrowd")]
    objects = [row for row in objects if not row.get("iscrowd")]
    free = np.ones(len(objects), bool)
    for row in sorted(found, key=lambda row: -row["score"]):
        box, label = [[float(side) for side in row["bbox"]]], index_of[row["category_id"]]
        if free.any():
            boxes = [[float(side) for side in thing["bbox"]] for thing in objects]
            overlap = np.where(free, mask.iou(box, boxes, [0] * len(boxes))[0], -1)
            best = int(overlap.argmax())
            if overlap[best] >= iou_threshold:
                free[best] = False
                counts[index_of[objects[best]["category_id"]], label] += 1
                continue
        regions = [r["bbox"] for r in crowd if r["category_id"] == row["category_id"]]
        # Of a crowd, pycocotools gives the share of the detection that lies in it.
        if regions and mask.iou(box, regions, [1] * len(regions)).max() >= iou_threshold:
            continue
        counts[nothing, label] += 1
    for thing, missed in zip(objects, free, strict=True):
        if missed:
            counts[index_of[thing["category_id"]], nothing] += 1
