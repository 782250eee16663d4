"""Which anchors and which regions a two-stage detector learns from, in static shapes.

Objects come as float32 [B, M, 5]: class (k + 1 = class k, 0 = padding, -1 = crowd: many objects, or
a place that nobody labelled) and box xyxy as fractions of the image. What overlaps a crowd box with
half of its own area or more and is no object's is left out, as in COCO's evaluation.

Reference:
    Ren et al., Faster R-CNN, arXiv 1506.01497, section 3.1.3; Girshick, Fast R-CNN, arXiv
    1504.08083, section 2.3.
"""

import numpy as np
from keras import ops

from refinezoo.tasks.detection.boxes import VARIANCES, cxcywh_to_xyxy
from refinezoo.tasks.detection.nms import area, intersections, pairwise_iou
from refinezoo.tasks.detection.proposals import UNSCALED, rows

_CROWD_COVERAGE = 0.5
_LEAST_SIDE = 1e-6


def rpn_targets(
    objects,
    anchors: np.ndarray,
    inside: np.ndarray,
    chance,
    *,
    batch: int = 256,
    positive_share: float = 0.5,
    positive_iou: float = 0.7,
    negative_iou: float = 0.3,
):
    """What the proposal network should say of each anchor.

    Positive is an anchor with `positive_iou` or more with an object, or the best of all with one;
    negative is one below `negative_iou` with every object. Of the positives at most
    `positive_share * batch` are drawn, of the negatives as many as then fill the batch.

    Args:
        objects: float [B, M, 5], see above.
        anchors: float [A, 4] (centre x, centre y, w, h), fractions of the image.
        inside: bool [A]; other anchors take no part.
        chance: float [B, A] in [0, 1), random.
        batch: anchors drawn of each image.
        positive_share: largest share of positives among them.
        positive_iou: see above.
        negative_iou: see above.

    Returns:
        labels float32 [B, A] (1, 0, or -1 = takes no part) and offsets float32 [B, A, 4] of the
        object with the largest overlap.
    """
    corners = ops.convert_to_tensor(cxcywh_to_xyxy(anchors), "float32")[None]
    iou, covered = _overlaps(corners, objects)
    iou = ops.where(inside[None, :, None], iou, -1.0)
    best, which = ops.max(iou, axis=-1), ops.argmax(iou, axis=-1)
    of_object = ops.max(iou, axis=1, keepdims=True)
    best_of_one = ops.any((iou >= of_object) & (of_object > 0), axis=-1)
    positive = (best >= positive_iou) | best_of_one
    negative = inside & ~positive & (best < negative_iou) & ~covered
    positive = _drawn(positive, chance, int(batch * positive_share), batch)
    left = batch - ops.sum(ops.cast(positive, "int32"), axis=1)
    negative = _drawn(negative, chance, left, batch)
    labels = ops.where(positive, 1.0, ops.where(negative, 0.0, -1.0))
    targets = _offsets(rows(objects[..., 1:], which), corners, UNSCALED)
    return ops.stop_gradient(labels), ops.stop_gradient(targets)


def sample_regions(
    objects,
    boxes,
    valid,
    chance,
    *,
    batch: int = 128,
    positive_share: float = 0.25,
    positive_iou: float = 0.5,
):
    """The regions that the head trains on: proposals and the objects themselves.

    Args:
        objects: float [B, M, 5], see above.
        boxes: float [B, N, 4], proposals xyxy as fractions of the image.
        valid: bool [B, N]; the others are never drawn.
        chance: float [B, N + M] in [0, 1), random.
        batch: regions of each image.
        positive_share: largest share of objects among them.
        positive_iou: a region with this overlap or more shows that object, else background.

    Returns:
        boxes float32 [B, batch, 4]; labels int32 [B, batch] (0 = background, k + 1 = class k, -1 =
        filling, takes no part); offsets float32 [B, batch, 4] of the object, scaled by `VARIANCES`.
        `batch` is N + M where that is less.
    """
    thing = objects[..., 0] > 0.5
    boxes = ops.concatenate([boxes, objects[..., 1:]], axis=1)
    valid = ops.concatenate([valid, thing], axis=1)
    batch = min(batch, boxes.shape[1])
    iou, covered = _overlaps(boxes, objects)
    best, which = ops.max(iou, axis=-1), ops.argmax(iou, axis=-1)
    positive = valid & (best >= positive_iou)
    negative = valid & (best < positive_iou) & ~covered
    positive = _drawn(positive, chance, max(1, round(batch * positive_share)), batch)
    left = batch - ops.sum(ops.cast(positive, "int32"), axis=1)
    negative = _drawn(negative, chance, left, batch)
    rank = ops.cast(positive, "float32") * 2 + ops.cast(negative, "float32")
    _, order = ops.top_k(rank, batch)
    matched = rows(objects, which)
    label = ops.where(positive, ops.cast(matched[..., 0], "int32"), ops.where(negative, 0, -1))
    regions = rows(boxes, order)
    targets = _offsets(rows(matched[..., 1:], order), regions, VARIANCES)
    drawn = (regions, ops.take_along_axis(label, order, axis=1), targets)
    return tuple(ops.stop_gradient(part) for part in drawn)


def _overlaps(boxes, objects):
    """IoU [B, N, M] with each thing (-1 with what is none), and bool [B, N]: lies in a crowd."""
    label, others = objects[..., 0], objects[..., 1:]
    iou = ops.where((label > 0.5)[:, None], pairwise_iou(boxes, others), -1.0)
    shared = intersections(boxes, others) / ops.maximum(area(boxes), 1e-12)[..., None]
    crowd = (label < -0.5)[:, None]
    return iou, ops.any((shared >= _CROWD_COVERAGE) & crowd, axis=-1)


def _drawn(eligible, chance, count, most: int):
    """At most `count` (an int, or int [B]) of the eligible, those with the largest chances.

    `most` is the static bound of `count`.
    """
    chance = ops.where(eligible, chance, -1.0)
    best = ops.top_k(chance, min(most, eligible.shape[1]))[0]
    place = ops.zeros_like(best[:, 0], "int32") + count - 1
    last = ops.clip(place, 0, best.shape[1] - 1)[:, None]
    enough = chance >= ops.take_along_axis(best, last, axis=1)
    return eligible & enough & (place >= 0)[:, None]


def _offsets(boxes, anchors, variances):
    """`boxes.encode_offsets` in `keras.ops`, of boxes and anchors xyxy."""
    size = ops.maximum(boxes[..., 2:] - boxes[..., :2], _LEAST_SIDE)
    own = ops.maximum(anchors[..., 2:] - anchors[..., :2], _LEAST_SIDE)
    centre = (boxes[..., 2:] + boxes[..., :2] - anchors[..., 2:] - anchors[..., :2]) / 2
    offsets = ops.concatenate([centre / own, ops.log(size / own)], axis=-1)
    return offsets / ops.convert_to_tensor(variances, "float32")
