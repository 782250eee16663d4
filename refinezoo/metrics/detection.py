"""Average precision of detections by COCO's rules (pycocotools, without its chatter).

Reference:
    https://cocodataset.org/#detection-eval
"""

import contextlib
import io
import math
import os
from collections.abc import Collection

import numpy as np

from refinezoo.data.coco_file import read_coco
from refinezoo.data.coco_values import whole_or_text
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
        expand_ignore_regions: give each image's `ignore_regions` ([[x, y, w, h], ...], where
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
    chosen = known if image_ids is None else set(map(whole_or_text, image_ids))
    if not chosen <= known:
        raise RefinezooError(
            f"expected image_ids of the annotations, received {list(chosen - known)[:5]}."
        )
    names = [category["name"] for category in truth["categories"]]
    category_numbers = {
        category["id"]: k for k, category in enumerate(truth["categories"], start=1)
    }
    rows = check_detections(detections, known, category_numbers)
    rows = [row for row in rows if row["image_id"] in chosen]
    precision, recall = _evaluate(truth, rows, chosen, category_numbers)
    return {
        "AP": _mean(precision),
        "AP50": _mean(precision[0]),
        "AP75": _mean(precision[5]),
        "AR100": _mean(recall),
        "per_class": {
            name: {
                "AP": _mean_or_none(precision[:, :, row]),
                "AP50": _mean_or_none(precision[0, :, row]),
            }
            for row, name in enumerate(names)
        },
    }


def read_truth(annotations: str | os.PathLike | dict) -> dict:
    """COCO ground truth from a file or as given, checked, with ids of one type.

    See `refinezoo.data.coco_file.read_coco`; the annotations' own ids are replaced by 1 to N.
    """
    return read_coco(annotations, named=False).checked().document()


def with_crowd(truth: dict) -> dict:
    """A copy in which ignore regions are crowd boxes of every class, unless they are already."""
    rows = list(truth["annotations"])
    there = {
        (row["image_id"], row["category_id"], *map(float, row["bbox"]))
        for row in rows
        if row.get("iscrowd")
    }
    number = len(rows)
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


def check_detections(
    detections: list[dict], image_ids: Collection, category_ids: Collection
) -> list[dict]:
    """The rows with ids as `read_truth` has them.

    Raises:
        RefinezooError: unknown images or categories, or NaN.
    """
    rows = []
    for index, given in enumerate(detections):
        row = _with_numbers(given, index)
        if row["image_id"] not in image_ids:
            raise RefinezooError(
                f"expected detections of the {len(image_ids)} annotated images, received image_id "
                f"{row['image_id']!r} in row {index}. Were they made from another split?"
            )
        if row["category_id"] not in category_ids:
            raise RefinezooError(
                f"expected category ids {list(category_ids)[:10]}, received "
                f"{row['category_id']!r} in row {index}. Map class indices to the dataset's ids."
            )
        values = [*row["bbox"], row["score"]]
        if len(values) != 5 or not all(math.isfinite(value) for value in values):
            raise RefinezooError(
                f"expected a finite bbox [x, y, w, h] and score, received bbox={row['bbox']}, "
                f"score={row['score']} in row {index}. Did the training diverge?"
            )
        rows.append(row)
    return rows


def _with_numbers(row: dict, index: int) -> dict:
    """A row with ids of one type and numbers for text."""
    try:
        ids = {key: whole_or_text(row[key], key) for key in ("image_id", "category_id")}
        numbers = {"bbox": list(map(float, row["bbox"])), "score": float(row["score"])}
        return {**row, **ids, **numbers}
    except (KeyError, TypeError, ValueError) as error:
        raise RefinezooError(
            "expected detections with image_id, category_id, bbox [x, y, w, h] and score, received "
            f"{str(row)[:200]} in row {index}."
        ) from error


def _evaluate(
    truth: dict, detections: list[dict], image_ids: Collection, category_numbers: dict
) -> tuple[np.ndarray, np.ndarray]:
    """Precision [T, R, K] and recall [T, K] at all areas and 100 detections; -1 = no object.

    pycocotools sees images and categories by number, from 1: it compares and sorts ids, and takes
    0 for "none".
    """
    if not detections:
        objects = {
            row["category_id"]
            for row in truth["annotations"]
            if not row["iscrowd"] and row["image_id"] in image_ids
        }
        nothing = np.array([0.0 if category in objects else -1.0 for category in category_numbers])
        return np.broadcast_to(nothing, (10, 101, len(nothing))), np.stack([nothing] * 10)
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    numbers = {image["id"]: k for k, image in enumerate(truth["images"], start=1)}

    def numbered(rows: list[dict]) -> list[dict]:
        keys = ("id", "bbox", "area", "iscrowd", "score")
        return [
            {
                **{key: row[key] for key in keys if key in row},
                "image_id": numbers[row["image_id"]],
                "category_id": category_numbers[row["category_id"]],
            }
            for row in rows
        ]

    gold = COCO()
    gold.dataset = {
        "info": {},
        "images": [{"id": number} for number in numbers.values()],
        "annotations": numbered(truth["annotations"]),
        "categories": [{"id": number} for number in category_numbers.values()],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        gold.createIndex()
        found = gold.loadRes([{**row, "bbox": list(row["bbox"])} for row in numbered(detections)])
        evaluation = COCOeval(gold, found, "bbox")
        evaluation.params.imgIds = sorted(numbers[number] for number in image_ids)
        evaluation.params.catIds = list(category_numbers.values())
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, -1], evaluation.eval["recall"][:, :, 0, -1]


def _mean_or_none(values: np.ndarray) -> float | None:
    valid = values[values > -1]
    return float(valid.mean()) if valid.size else None


def _mean(values: np.ndarray) -> float:
    return _mean_or_none(values) or 0.0
