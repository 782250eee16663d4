"""The loss of YOLOv3, and the boxes it predicts.

Reference:
    Redmon & Farhadi, YOLOv3: An Incremental Improvement, arXiv 1804.02767, sections 2.1 and 2.2.
    Where the paper is brief (cross-entropy of the centre, weights 2 - w h) this follows
    https://github.com/qqwweee/keras-yolo3, `yolo_loss`.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError

_COARSEST_STRIDE = 32
_LEVELS = 3
# exp() of more than this would make boxes thousands of anchors wide: no object needs it.
_MAX_LOG_SCALE = 8.0
#: First entries of the box rows of the targets; 0 is padding.
OBJECT, CROWD = 1, 2


def yolo_cells(count, anchors: Sequence[Sequence[float]]):
    """Cell and anchor of every prediction, from the number of predictions alone.

    Args:
        count: predictions per image A = n (g^2 + (2 g)^2 + (4 g)^2), g cells a side of the coarsest
            map, n anchors per cell: an int, or a scalar tensor.
        anchors: 3 n pairs (w, h) in pixels, smallest first; the last n belong to the coarsest map.

    Returns:
        corner float32 [A, 2] (x, y of the cell's left top), cells float32 [A, 1] (cells a side) and
        size float32 [A, 2] (w, h of the anchor as fractions of the image); NumPy arrays if `count`
        is an int.
    """
    per_cell = len(anchors) // _LEVELS
    if isinstance(count, int):
        xp, coarsest = np, round((count / (21 * per_cell)) ** 0.5)
    else:
        xp = ops
        coarsest = ops.cast(ops.round(ops.sqrt(ops.cast(count, "float32") / (21 * per_cell))), int)
    by_level = np.array(anchors, "float32").reshape(_LEVELS, per_cell, 2)[::-1]
    corners, cells, sizes = [], [], []
    for level in range(_LEVELS):
        side = coarsest * 2**level
        row = xp.arange(side * side * per_cell)
        corner = xp.stack([row // per_cell % side, row // (per_cell * side)], axis=-1)
        corners.append(_float(xp, corner))
        cells.append(_float(xp, side + 0 * row[:, None]))
        size = xp.take(by_level[level], row % per_cell, axis=0)
        sizes.append(size / _float(xp, coarsest * _COARSEST_STRIDE))
    return tuple(xp.concatenate(part, axis=0) for part in (corners, cells, sizes))


def predicted_boxes(raw, anchors: Sequence[Sequence[float]]):
    """The boxes that raw predictions stand for.

    Formula:
        b_xy = (sigmoid(t_xy) + corner) / cells;  b_wh = anchor exp(t_wh)

    Args:
        raw: float [B, A, 5 + K].
        anchors: see `yolo_cells`.

    Returns:
        float32 [B, A, 4] (x1, y1, x2, y2), fractions of the image, not clipped.
    """
    raw = ops.cast(raw[..., :4], "float32")
    corner, cells, size = yolo_cells(_count(raw), anchors)
    centre = (ops.sigmoid(raw[..., :2]) + corner) / cells
    half = ops.exp(ops.minimum(raw[..., 2:], _MAX_LOG_SCALE)) * size / 2
    return ops.concatenate([centre - half, centre + half], axis=-1)


def yolo_loss(
    targets, predictions, anchors: Sequence[Sequence[float]], ignore_threshold: float = 0.5
):
    """Sum of squares for the size, cross-entropies for the rest; the mean over the images.

    Formula:
        sum_obj (2 - w h) (BCE(xy) + 0.5 |t_wh - t'_wh|^2) + sum_obj (BCE(obj) + BCE(class))
        + sum_noobj BCE(obj)

    where "noobj" are the predictions without an object, whose box overlaps each object of the
    image by less than `ignore_threshold` and lies in no crowd region with half its area or more.

    Args:
        targets: float [B, A + N, 5]. The first A rows, one per prediction: class (0 = no object,
            k + 1 = class k), place of the centre in its cell (x, y in [0, 1]), log of the size in
            anchors (w, h). The last N rows, the image's objects: OBJECT, CROWD or 0 (padding)
            and a box (x1, y1, x2, y2), fractions of the image.
        predictions: float [B, A, 5 + K], see `networks.yolov3`.
        anchors: see `yolo_cells`.
        ignore_threshold: IoU with any object from which a prediction is no mistake.

    Returns:
        A scalar.
    """
    predictions = ops.cast(predictions, "float32")
    targets = ops.cast(targets, "float32")
    count = _count(predictions)
    objects = targets[:, count:]
    targets = targets[:, :count]
    positive = ops.cast(targets[..., 0] > 0.5, "float32")

    _, _, size = yolo_cells(count, anchors)
    area = ops.prod(ops.exp(targets[..., 3:]) * size, axis=-1)
    centre = _bce(targets[..., 1:3], predictions[..., :2])
    scale = 0.5 * ops.sum(ops.square(targets[..., 3:] - predictions[..., 2:4]), axis=-1)
    place = (2 - area) * (centre + scale)

    label = ops.cast(ops.relu(targets[..., 0] - 1), "int32")
    one_hot = ops.one_hot(label, predictions.shape[-1] - 5, dtype="float32")
    which = _bce(one_hot, predictions[..., 5:])
    there = _bce(positive[..., None], predictions[..., 4:5])

    boxes = ops.stop_gradient(predicted_boxes(predictions, anchors))
    punished = positive + (1 - positive) * (1 - _excused(boxes, objects, ignore_threshold))
    total = positive * (place + which) + punished * there
    return ops.mean(ops.sum(total, axis=1))


@keras.saving.register_keras_serializable("refinezoo")
class YOLOLoss(keras.losses.Loss):
    """`yolo_loss` as a Keras loss: one number per batch.

    Args:
        anchors: 3 n pairs (w, h) in pixels, smallest first.
        ignore_threshold: see `yolo_loss`.
        name: name in the logs.
        dtype: dtype the loss is computed in.
    """

    def __init__(
        self,
        anchors: Sequence[Sequence[float]],
        ignore_threshold: float = 0.5,
        name: str = "yolo",
        dtype=None,
    ) -> None:
        if not anchors or len(anchors) % _LEVELS or any(len(anchor) != 2 for anchor in anchors):
            raise RefinezooError(
                f"expected anchors as pairs (w, h), a multiple of {_LEVELS} of them, received "
                f"{anchors!r}."
            )
        super().__init__(name=name, reduction="sum_over_batch_size", dtype=dtype)
        self.anchors = [[float(side) for side in anchor] for anchor in anchors]
        self.ignore_threshold = ignore_threshold

    def call(self, y_true, y_pred):
        """The loss of a batch, a scalar."""
        return yolo_loss(y_true, y_pred, self.anchors, self.ignore_threshold)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {
            "anchors": self.anchors,
            "ignore_threshold": self.ignore_threshold,
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype)
            if not isinstance(self.dtype, str)
            else self.dtype,
        }


def _excused(boxes, objects, ignore_threshold: float):
    """1 where a box [B, A, 4] overlaps an object enough, or lies in a crowd; float32 [B, A]."""
    boxes, things = boxes[:, :, None], objects[:, None, :, 1:]
    kind = objects[:, None, :, 0]
    shared = _area(
        ops.maximum(boxes[..., :2], things[..., :2]), ops.minimum(boxes[..., 2:], things[..., 2:])
    )
    own = _area(boxes[..., :2], boxes[..., 2:])
    union = own + _area(things[..., :2], things[..., 2:]) - shared
    overlap = shared / ops.maximum(union, 1e-12)
    inside = shared / ops.maximum(own, 1e-12)
    excused = ops.logical_or(
        ops.logical_and(kind == OBJECT, overlap >= ignore_threshold),
        ops.logical_and(kind == CROWD, inside >= 0.5),
    )
    return ops.cast(ops.any(excused, axis=-1), "float32")


def _area(low, high):
    size = ops.relu(high - low)
    return size[..., 0] * size[..., 1]


def _bce(wanted, logits):
    """Binary cross-entropy of logits, summed over the last axis."""
    return ops.sum(ops.binary_crossentropy(wanted, logits, from_logits=True), axis=-1)


def _count(predictions):
    """A, an int where the graph knows it."""
    known = predictions.shape[1]
    return known if known is not None else ops.shape(predictions)[1]


def _float(xp, values):
    if xp is np:
        return np.asarray(values, "float32")
    return ops.cast(values, "float32")
