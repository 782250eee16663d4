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


def pairwise_iou(boxes):
    """Intersection over union [..., N, N] of boxes float [..., N, 4] (x1, y1, x2, y2)."""
    x1, y1, x2, y2 = (boxes[..., i] for i in range(4))
    width = ops.minimum(x2[..., :, None], x2[..., None, :])
    width = ops.relu(width - ops.maximum(x1[..., :, None], x1[..., None, :]))
    height = ops.minimum(y2[..., :, None], y2[..., None, :])
    height = ops.relu(height - ops.maximum(y1[..., :, None], y1[..., None, :]))
    area = (x2 - x1) * (y2 - y1)
    shared = width * height
    return shared / ops.maximum(area[..., :, None] + area[..., None, :] - shared, 1e-12)


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
        boxes: float [B, A, 4] (x1, y1, x2, y2), shared by the classes.
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
