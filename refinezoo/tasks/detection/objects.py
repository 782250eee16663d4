"""The labelled objects of a dataset as a detector knows them."""

import logging

import numpy as np

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.tasks.detection.boxes import xywh_to_xyxy

_LOG = logging.getLogger(__name__)


def checked_objects(dataset, detector, ignore_regions: bool) -> list[tuple]:
    """Per record: boxes xyxy as fractions float32 [N, 4], labels int [N], crowd bool [N].

    Args:
        dataset: anything with `records` and `class_names`.
        detector: whose `class_names` the labels count.
        ignore_regions: treat the records' `ignore_regions` as crowd boxes of every class.

    Raises:
        RefinezooError: a class the detector does not know, a label without a class, NaN boxes.
    """
    index = {name: i for i, name in enumerate(detector.class_names)}
    for name in dataset.class_names:
        if name not in index:
            raise RefinezooError(
                f"expected classes the detector knows, received {name!r}."
                f"{did_you_mean(name, index)} Build the detector with dataset.class_names."
            )
    of_dataset = np.array([index[name] for name in dataset.class_names], int)
    targets, empty = [], 0
    for record in dataset.records:
        boxes = np.asarray(record.boxes_xywh, "float32").reshape(-1, 4)
        labels = np.asarray(record.labels, int).reshape(-1)
        crowd = np.asarray(record.crowd, bool).reshape(-1)
        if not np.isfinite(boxes).all():
            raise RefinezooError(
                f"expected finite boxes, received {boxes[~np.isfinite(boxes).all(1)][0].tolist()} "
                f"in image {record.id} ({record.path}). Correct or remove that annotation."
            )
        if len(labels) and not (0 <= labels.min() and labels.max() < len(of_dataset)):
            raise RefinezooError(
                f"expected labels 0 to {len(of_dataset) - 1}, received "
                f"{sorted(set(labels.tolist()))} in image {record.id}."
            )
        labels = of_dataset[labels]
        regions = getattr(record, "ignore_regions", None) if ignore_regions else None
        if regions is not None and len(regions):
            regions = np.asarray(regions, "float32").reshape(-1, 4)
            boxes = np.concatenate([boxes, regions])
            labels = np.concatenate([labels, np.zeros(len(regions), int)])
            crowd = np.concatenate([crowd, np.ones(len(regions), bool)])
        boxes, labels, crowd = _deduplicated(boxes, labels, crowd)
        size = np.array([record.width, record.height] * 2, "float32")
        boxes = np.clip(xywh_to_xyxy(boxes) / size, 0, 1)
        solid = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)
        empty += int((solid & ~crowd).sum() == 0)
        targets.append((boxes[solid], labels[solid], crowd[solid]))
    if empty:
        _LOG.info("%d of %d images have no object: they only give negatives", empty, len(targets))
    return targets


def _deduplicated(boxes, labels, crowd):
    """Drops repeated crowd boxes: COCO writes a region once per class, training needs it once."""
    if not crowd.any():
        return boxes, labels, crowd
    regions = np.unique(boxes[crowd], axis=0)
    return (
        np.concatenate([boxes[~crowd], regions]),
        np.concatenate([labels[~crowd], np.zeros(len(regions), int)]),
        np.concatenate([np.zeros((~crowd).sum(), bool), np.ones(len(regions), bool)]),
    )
