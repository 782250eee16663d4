"""Bounding-box voting: the boxes that suppression drops still say where the object lies.

Reference:
    Gidaris & Komodakis, arXiv 1505.01749, section 5; the scores as PVANET's authors weigh them
    (BBOX_VOTE_N_WEIGHTED_SCORE 5, BBOX_VOTE_WEIGHT_EMPTY 0.3).
"""

from keras import ops

from refinezoo.tasks.detection.nms import pairwise_iou
from refinezoo.tasks.detection.proposals import rows

_IOU = 0.5
_VOTES = 5
_EMPTY = 0.3


def vote(boxes, scores, classes, all_boxes, all_scores, score_threshold: float):
    """Detections moved to the mean of the boxes that agree with them, weighted by their scores.

    A box agrees that is of the same class and overlaps by 0.5 or more. The new score is the mean of
    the five best votes, where each missing one counts 0.3 of the mean of those there are; it never
    exceeds the old one.

    Args:
        boxes: float [B, keep, 4] xyxy, of `multiclass_nms`.
        scores: float [B, keep].
        classes: int [B, keep], -1 = padding.
        all_boxes: float [B, A, K, 4], each class's boxes before suppression.
        all_scores: float [B, A, K].
        score_threshold: boxes with a lower score have no vote.

    Returns:
        boxes, scores and classes as they came, the scores falling again.
    """
    count, kinds = all_scores.shape[1:]
    found = classes >= 0
    kind = ops.maximum(classes, 0)
    by_class = ops.reshape(ops.transpose(all_boxes, (0, 2, 1, 3)), (-1, kinds, count * 4))
    voters = ops.reshape(rows(by_class, kind), (-1, boxes.shape[1], count, 4))
    weight = rows(ops.transpose(all_scores, (0, 2, 1)), kind)
    overlap = pairwise_iou(boxes[:, :, None], voters)[:, :, 0]
    agrees = ops.cast((overlap >= _IOU) & (weight >= score_threshold), "float32")
    weight = weight * agrees
    total, votes = ops.sum(weight, axis=-1), ops.sum(agrees, axis=-1)
    mean = ops.sum(weight[..., None] * voters, axis=2) / ops.maximum(total, 1e-12)[..., None]
    few = total / ops.maximum(votes, 1.0) * (votes + (_VOTES - votes) * _EMPTY) / _VOTES
    best = ops.sum(ops.top_k(weight, min(_VOTES, count))[0], axis=-1) / _VOTES
    voted = ops.minimum(ops.where(votes >= _VOTES, best, few), scores)
    scores, order = ops.top_k(ops.where(found, voted, -1.0), boxes.shape[1])
    boxes = rows(ops.where(found[..., None], mean, 0.0), order)
    return boxes, ops.maximum(scores, 0.0), ops.take_along_axis(classes, order, axis=1)
