"""Which anchor answers for which object: bipartite matching, then every good overlap."""

import numpy as np

from refinezoo.tasks.detection.boxes import (
    cxcywh_to_xyxy,
    encode_offsets,
    pairwise_coverage,
    pairwise_iou,
)

#: Entries of a match that stand for no object.
NEGATIVE, IGNORED = -1, -2


def bipartite_match(iou: np.ndarray) -> np.ndarray:
    """Gives each object its own anchor, best pairs first.

    Args:
        iou: float [N, A], overlap of N objects and A anchors.

    Returns:
        int [N], the anchor of each object; -1 for objects that overlap no free anchor.
    """
    free = np.array(iou, copy=True)
    anchor_of = np.full(len(free), -1)
    for _ in range(min(free.shape)):
        thing, anchor = np.unravel_index(np.argmax(free), free.shape)
        if free[thing, anchor] <= 0:
            break
        anchor_of[thing] = anchor
        free[thing], free[:, anchor] = -1, -1
    return anchor_of


def match_anchors(
    boxes_xyxy: np.ndarray,
    crowd: np.ndarray,
    anchors_xyxy: np.ndarray,
    positive_iou: float = 0.5,
    ignore_coverage: float = 0.5,
) -> np.ndarray:
    """The object each anchor answers for.

    Args:
        boxes_xyxy: float [N, 4], in the anchors' unit.
        crowd: bool [N]; crowd boxes (many objects, or a region nobody labelled) are never matched:
            an anchor that is not positive and lies in one with `ignore_coverage` of its own area or
            more is neither positive nor negative. This is the rule COCO evaluates by.
        anchors_xyxy: float [A, 4].
        positive_iou: an anchor with this overlap or more is positive.
        ignore_coverage: see `crowd`.

    Returns:
        int [A]: index of the object, or NEGATIVE, or IGNORED.
    """
    match = np.full(len(anchors_xyxy), NEGATIVE)
    crowd = np.asarray(crowd, bool)
    if crowd.any():
        covered = pairwise_coverage(anchors_xyxy, boxes_xyxy[crowd]).max(axis=1)
        match[covered >= ignore_coverage] = IGNORED
    things = np.flatnonzero(~crowd)
    if len(things):
        iou = pairwise_iou(boxes_xyxy[things], anchors_xyxy)
        best = iou.argmax(axis=0)
        good = iou[best, np.arange(iou.shape[1])] >= positive_iou
        match[good] = things[best[good]]
        anchor_of = bipartite_match(iou)
        matched = anchor_of >= 0
        match[anchor_of[matched]] = things[matched]
    return match


def encode_targets(
    boxes_xyxy: np.ndarray, labels: np.ndarray, crowd: np.ndarray, anchors_cxcywh: np.ndarray
) -> np.ndarray:
    """Training targets of one image for the multibox loss.

    Args:
        boxes_xyxy: float [N, 4], in the anchors' unit (fractions of the image).
        labels: int [N], 0 to K-1.
        crowd: bool [N], see `match_anchors`.
        anchors_cxcywh: float [A, 4].

    Returns:
        float32 [A, 5]: class (0 = background, k + 1 = class k, -1 = takes no part), four offsets
        (0 where there is no object).
    """
    targets = np.zeros((len(anchors_cxcywh), 5), "float32")
    if len(boxes_xyxy) == 0:
        return targets
    boxes_xyxy = np.asarray(boxes_xyxy, "float32")
    match = match_anchors(boxes_xyxy, crowd, cxcywh_to_xyxy(anchors_cxcywh))
    targets[match == IGNORED, 0] = -1
    positive = match >= 0
    thing = match[positive]
    targets[positive, 0] = np.asarray(labels)[thing] + 1
    targets[positive, 1:] = encode_offsets(boxes_xyxy[thing], anchors_cxcywh[positive])
    return targets
