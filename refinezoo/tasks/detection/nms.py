"""Non-maximum suppression from matrix operations: static shapes, any backend, LiteRT builtins.

Greedy suppression asks, best box first, whether a kept better box overlaps. The same answer is the
fixed point of `keep[j] = not any(keep[i] and overlap[i, j] for better i)`, reached from "keep all":
each round settles at least one more box, in practice two to four rounds settle all of them.

Reference:
    Zheng et al., Enhancing Geometric Factors in Model Learning and Inference (Cluster-NMS),
    arXiv 2005.03572.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from keras import ops

_ROUNDS: ContextVar[int | None] = ContextVar("rounds", default=None)


@contextmanager
def unrolled(rounds: int = 8) -> Iterator[None]:
    """Within it `suppress` writes out that many rounds instead of a loop.

    For converters that cannot handle a loop. Longer chains of overlapping boxes, which are rare,
    stay unsettled.
    """
    token = _ROUNDS.set(rounds)
    try:
        yield
    finally:
        _ROUNDS.reset(token)


def intersections(boxes, others):
    """Intersection areas [..., N, M] of boxes float [..., N, 4] and [..., M, 4]."""
    x1, y1, x2, y2 = (boxes[..., :, None, i] for i in range(4))
    u1, v1, u2, v2 = (others[..., None, :, i] for i in range(4))
    width = ops.relu(ops.minimum(x2, u2) - ops.maximum(x1, u1))
    return width * ops.relu(ops.minimum(y2, v2) - ops.maximum(y1, v1))


def area(boxes):
    """Areas [...] of boxes float [..., 4] (x1, y1, x2, y2)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def pairwise_iou(boxes, others=None):
    """Intersection over union [..., N, M] of [..., N, 4] and [..., M, 4] (x1, y1, x2, y2).

    Without `others` each box is compared with each of its own set.
    """
    others = boxes if others is None else others
    shared = intersections(boxes, others)
    union = area(boxes)[..., :, None] + area(others)[..., None, :] - shared
    return shared / ops.maximum(union, 1e-12)


def suppress(boxes, valid, iou_threshold: float):
    """Greedy suppression of boxes sorted by falling score.

    Args:
        boxes: float [..., N, 4] (x1, y1, x2, y2), best first; N static.
        valid: bool [..., N]; the others are dropped and suppress nothing.
        iou_threshold: a box with a larger overlap with a kept better one is dropped.

    Returns:
        float32 [..., N], 1 = kept.
    """
    count = boxes.shape[-2]
    better = ops.triu(ops.ones((count, count), "float32"), 1)
    overlaps = ops.cast(pairwise_iou(boxes) > iou_threshold, "float32") * better
    valid = ops.cast(valid, "float32")

    def settled_yet(keep, previous):
        return ops.any(keep != previous)

    def settle(keep, _):
        hits = ops.squeeze(ops.matmul(keep[..., None, :], overlaps), -2)
        return valid * ops.cast(hits < 0.5, "float32"), keep

    keep, _ = settle(valid, valid)
    rounds = _ROUNDS.get()
    if rounds is not None:
        for _ in range(rounds - 1):
            keep, _ = settle(keep, None)
        return keep
    keep, _ = ops.while_loop(settled_yet, settle, (keep, valid), maximum_iterations=count)
    return keep


def multiclass_nms(
    boxes,
    scores,
    *,
    score_threshold: float = 0.01,
    iou_threshold: float = 0.45,
    top_k: int = 400,
    keep: int = 200,
):
    """Per-class suppression, then the best of all classes.

    Args:
        boxes: float [B, A, 4] (x1, y1, x2, y2), shared by the classes, or [B, A, K, 4], each
            class with its own.
        scores: float [B, A, K] in [0, 1].
        score_threshold: lower scores are dropped.
        iou_threshold: see `suppress`.
        top_k: candidates per class before suppression.
        keep: rows returned per image.

    Returns:
        boxes float32 [B, keep, 4], scores float32 [B, keep] falling, classes int32 [B, keep] and
        count int32 [B]; rows from `count` on are padding (zeros, class -1).
    """
    anchors, classes = scores.shape[1], scores.shape[2]
    top_k = min(top_k, anchors)
    scores, order = ops.top_k(ops.transpose(scores, (0, 2, 1)), top_k)
    order = ops.reshape(order, (-1, classes * top_k, 1))
    if len(boxes.shape) == 4:  # Rows of class k begin at k * anchors.
        boxes = ops.reshape(ops.transpose(boxes, (0, 2, 1, 3)), (-1, classes * anchors, 4))
        order = order + np.repeat(np.arange(classes, dtype="int32") * anchors, top_k)[:, None]
    boxes = ops.take_along_axis(boxes, ops.broadcast_to(order, _like(order, 4)), axis=1)
    grouped = ops.reshape(boxes, (-1, classes, top_k, 4))
    kept = suppress(grouped, scores >= score_threshold, iou_threshold)
    scores = ops.reshape(scores * kept, (-1, classes * top_k))
    best, order = ops.top_k(scores, min(keep, classes * top_k))
    boxes = ops.take_along_axis(boxes, ops.broadcast_to(order[..., None], _like(order, 4)), axis=1)
    found = best > 0
    label = ops.where(found, ops.cast(order // top_k, "int32"), -1)
    boxes = ops.where(found[..., None], boxes, 0.0)
    missing = keep - best.shape[1]
    if missing > 0:
        boxes = ops.pad(boxes, ((0, 0), (0, missing), (0, 0)))
        best = ops.pad(best, ((0, 0), (0, missing)))
        label = ops.pad(label, ((0, 0), (0, missing)), constant_values=-1)
    return boxes, best, label, ops.sum(ops.cast(found, "int32"), axis=1)


def _like(order, last: int):
    shape = ops.shape(order)
    return (shape[0], shape[1], last)
