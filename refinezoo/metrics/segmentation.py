"""Semantic segmentation by the confusion matrix of all pixels: IoU per class, mean, accuracy."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError


def confusion_matrix(
    truth: np.ndarray, predicted: np.ndarray, classes: int, ignore_id: int = 255
) -> np.ndarray:
    """Counts of pixels, true class by predicted class.

    Args:
        truth: int [..., H, W], 0 to `classes` - 1, or `ignore_id`.
        predicted: int of the same shape, 0 to `classes` - 1.
        classes: number of classes K.
        ignore_id: pixels of this true id do not count, whatever was predicted there.

    Returns:
        int64 [K, K].

    Raises:
        RefinezooError: other shapes, fractions, or ids that are no class.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        raise RefinezooError(
            f"expected masks and predictions of one shape, received {list(truth.shape)} and "
            f"{list(predicted.shape)}. Reduce masks by nearest neighbour."
        )
    check_ids(truth, classes, ignore_id)
    counts = truth != ignore_id
    truth, predicted = truth[counts].astype(np.int64), predicted[counts]
    check_ids(predicted, classes, None, "predictions")
    table = np.bincount(classes * truth + predicted.astype(np.int64), minlength=classes**2)
    return table.reshape(classes, classes)


def segmentation_metrics(table: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    """The usual figures of a confusion matrix.

    IoU of a class: pixels that are it and were called it, by pixels that are it or were called it.

    Args:
        table: int [K, K] of `confusion_matrix`, summed over all images (the mean of the IoU of
            single images is another, flatter figure).
        class_names: of the K classes.

    Returns:
        `mean_iou` over the classes that occur in truth or prediction, `pixel_accuracy`,
        `mean_accuracy` (mean share of each true class that was found), all in 0..1; `class_iou`,
        name to IoU, None for a class that does not occur; `pixels` that counted.

    Raises:
        RefinezooError: no pixel counted, or the names do not fit the table.
    """
    table = np.asarray(table)
    if table.shape != (len(class_names),) * 2:
        raise RefinezooError(
            f"expected a confusion matrix of {len(class_names)} classes, one for each name, "
            f"received {list(table.shape)}."
        )
    total = int(table.sum())
    if not total:
        raise RefinezooError(
            "expected masks with labelled pixels, received only pixels to ignore. Check ignore_id."
        )
    hits, true, called = np.diag(table), table.sum(1), table.sum(0)
    union = true + called - hits
    iou = [float(h / u) if u else None for h, u in zip(hits, union, strict=True)]
    found = hits[true > 0] / true[true > 0]
    return {
        "mean_iou": float(np.mean([value for value in iou if value is not None])),
        "pixel_accuracy": float(hits.sum() / total),
        "mean_accuracy": float(found.mean()),
        "class_iou": dict(zip(class_names, iou, strict=True)),
        "pixels": total,
    }


def iou_table(metrics: dict[str, Any]) -> str:
    """The IoU of every class in percent, one a line, and the means; `-` for absent classes."""
    rows = [*metrics["class_iou"].items(), ("mean IoU", metrics["mean_iou"])]
    rows.append(("pixel accuracy", metrics["pixel_accuracy"]))
    widest = max(len(name) for name, _ in rows)
    return "\n".join(
        f"{name:<{widest}}  {'-' if value is None else f'{100 * value:.1f}':>5}"
        for name, value in rows
    )


def check_ids(
    masks: np.ndarray, classes: int, ignore_id: int | None, what: str = "masks"
) -> np.ndarray:
    """The ids that occur in masks, which must be classes.

    Args:
        masks: int of any shape.
        classes: number of classes K.
        ignore_id: allowed beside 0 to K - 1; None is none.
        what: they are, for the message.

    Returns:
        The ids, rising.

    Raises:
        RefinezooError: floats, or ids that are neither a class nor `ignore_id`.
    """
    masks = np.asarray(masks)
    if masks.dtype.kind not in "iu":
        raise RefinezooError(
            f"expected {what} of class ids as integers, received {masks.dtype}. Class ids are not "
            "scaled to 0..1: read them with refinezoo.data.read_class_ids."
        )
    ids = _unique(masks)
    unknown = [int(i) for i in ids if not (0 <= i < classes or i == ignore_id)]
    if unknown:
        ignored = "" if ignore_id is None else f" or {ignore_id} (ignored)"
        raise RefinezooError(
            f"expected {what} with ids 0 to {classes - 1}{ignored}, received {_some(unknown)}. "
            "Name every class, map the ids, or pass their id as ignore_id."
        )
    return ids


def _unique(masks: np.ndarray) -> np.ndarray:
    # A count is many times faster than sorting every pixel.
    if masks.dtype == np.uint8:
        return np.flatnonzero(np.bincount(masks.ravel(), minlength=256))
    return np.unique(masks)


def _some(ids: Iterable[int]) -> str:
    listed = list(ids)
    return ", ".join(map(str, listed[:6])) + (", ..." if len(listed) > 6 else "")
