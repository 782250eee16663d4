"""Average precision of detections by COCO's rules (pycocotools, without its chatter).

Reference:
    https://cocodataset.org/#detection-eval
"""

import contextlib
import copy
import io
import json
import math
import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from refinezoo.errors import RefinezooError


def coco_average_precision(
    annotations: str | os.PathLike | dict,
    detections: list[dict],
    *,
    expand_ignore_regions: bool = True,
    image_ids: Collection[int] | None = None,
) -> dict:
    """AP by COCO's rules, all areas, 100 detections per image.

    Args:
        annotations: COCO ground truth, a JSON file or its content.
        detections: COCO results: dicts with image_id, category_id, bbox [x, y, w, h] in pixels and
            score.
        expand_ignore_regions: give each image's `ignore_regions` ([[x, y, w, h], ...]: places where
            unlabelled objects may stand) as crowd boxes to every class, so that detections there
            count neither for nor against.
        image_ids: evaluate these images only.

    Returns:
        "AP" (mean over IoU 0.5 to 0.95), "AP50", "AP75", "AR100" in [0, 1], and "per_class":
        {name: {"AP", "AP50"}}, None for classes without any object.

    Raises:
        RefinezooError: for detections or annotations of unknown images or categories, or with NaN.
    """
    truth = read_truth(annotations)
    if expand_ignore_regions:
        truth = with_crowd(truth)
    known = {image["id"] for image in truth["images"]}
    chosen = known if image_ids is None else set(image_ids)
    if not chosen <= known:
        raise RefinezooError(
            f"expected image_ids of the annotations, received {sorted(chosen - known)[:5]}."
        )
    categories = {category["id"]: category["name"] for category in truth["categories"]}
    check_detections(detections, known, set(categories))
    detections = [row for row in detections if row["image_id"] in chosen]
    precision, recall = _evaluate(truth, detections, sorted(chosen), sorted(categories))
    return {
        "AP": _mean(precision),
        "AP50": _mean(precision[0]),
        "AP75": _mean(precision[5]),
        "AR100": _mean(recall),
        "per_class": {
            categories[category]: {
                "AP": _mean_or_none(precision[:, :, row]),
                "AP50": _mean_or_none(precision[0, :, row]),
            }
            for row, category in enumerate(sorted(categories))
        },
    }


def read_truth(annotations: str | os.PathLike | dict) -> dict:
    """COCO ground truth from a file or as given, checked; `area` and `iscrowd` are filled in."""
    if isinstance(annotations, dict):
        truth = annotations
    else:
        path = Path(annotations)
        if not path.is_file():
            raise RefinezooError(f"expected a COCO JSON file, received {path}, which is not there.")
        try:
            truth = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RefinezooError(f"expected a COCO JSON file, received {path}: {error}.") from error
    missing = [key for key in ("images", "annotations", "categories") if key not in truth]
    if missing:
        raise RefinezooError(
            f"expected COCO annotations with images, annotations and categories, received none of "
            f"{', '.join(missing)}. Pass the ground truth, not the results."
        )
    return {**truth, "annotations": _checked_annotations(truth)}


def _checked_annotations(truth: dict) -> list[dict]:
    images = {row["id"] for row in truth["images"]}
    categories = {row["id"] for row in truth["categories"]}
    rows = []
    for row in truth["annotations"]:
        for key, known in (("image_id", images), ("category_id", categories)):
            if row.get(key) not in known:
                raise RefinezooError(
                    f"expected annotations with an {key} of the same file, received annotation "
                    f"{row.get('id')} with {row.get(key)!r}. Correct or remove it."
                )
        box = row.get("bbox") or ()
        if len(box) != 4 or not all(math.isfinite(side) for side in box):
            raise RefinezooError(
                f"expected a finite bbox [x, y, w, h] in every annotation, received {box} in "
                f"annotation {row.get('id')}. Correct or remove it."
            )
        rows.append({"iscrowd": 0, "area": float(box[2]) * float(box[3]), **row})
    return rows


def with_crowd(truth: dict) -> dict:
    """A copy in which ignore regions are crowd boxes of every class, unless they are already."""
    rows = list(truth["annotations"])
    there = {
        (row["image_id"], row["category_id"], *map(float, row["bbox"]))
        for row in rows
        if row.get("iscrowd")
    }
    number = max((row["id"] for row in rows), default=0)
    for image in truth["images"]:
        for region in image.get("ignore_regions", ()):
            for category in truth["categories"]:
                if (image["id"], category["id"], *map(float, region)) in there:
                    continue
                number += 1
                rows.append(
                    {
                        "id": number,
                        "image_id": image["id"],
                        "category_id": category["id"],
                        "bbox": list(region),
                        "area": float(region[2]) * float(region[3]),
                        "iscrowd": 1,
                    }
                )
    return {**truth, "annotations": rows}


def check_detections(detections: list[dict], image_ids: set, category_ids: set) -> None:
    """Refuses COCO results of unknown images or categories, or with NaN."""
    for index, row in enumerate(detections):
        if row["image_id"] not in image_ids:
            raise RefinezooError(
                f"expected detections of the {len(image_ids)} annotated images, received image_id "
                f"{row['image_id']!r} in row {index}. Were they made from another split?"
            )
        if row["category_id"] not in category_ids:
            raise RefinezooError(
                f"expected category ids {sorted(category_ids)[:10]}, received "
                f"{row['category_id']!r} in row {index}. Map class indices to the dataset's ids."
            )
        values = [*row["bbox"], row["score"]]
        if len(values) != 5 or not all(math.isfinite(value) for value in values):
            raise RefinezooError(
                f"expected a finite bbox [x, y, w, h] and score, received bbox={row['bbox']}, "
                f"score={row['score']} in row {index}. Did the training diverge?"
            )


def _evaluate(truth: dict, detections: list[dict], image_ids: list, category_ids: list):
    """Precision [T, R, K] and recall [T, K] at all areas and 100 detections; -1 = no object."""
    if not detections:
        objects = {
            row["category_id"]
            for row in truth["annotations"]
            if not row.get("iscrowd") and row["image_id"] in set(image_ids)
        }
        nothing = np.array([0.0 if category in objects else -1.0 for category in category_ids])
        return np.broadcast_to(nothing, (10, 101, len(nothing))), np.stack([nothing] * 10)
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        # COCOeval writes into the rows it is given.
        gold = COCO()
        gold.dataset = copy.deepcopy(truth)
        gold.createIndex()
        gold.dataset.setdefault("info", {})
        found = gold.loadRes(copy.deepcopy(detections))
        evaluation = COCOeval(gold, found, "bbox")
        evaluation.params.imgIds = image_ids
        evaluation.params.catIds = category_ids
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, -1], evaluation.eval["recall"][:, :, 0, -1]


def _mean_or_none(values: np.ndarray) -> float | None:
    valid = values[values > -1]
    return float(valid.mean()) if valid.size else None


def _mean(values: np.ndarray) -> float:
    return _mean_or_none(values) or 0.0
