"""Region proposals: the anchors of PVANET, and the best distinct boxes of its proposal network.

Reference:
    Ren et al., Faster R-CNN, arXiv 1506.01497, section 3.1; Kim et al., PVANET, arXiv 1608.08021,
    section 3.2.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from refinezoo.networks.pvanet import STRIDE
from refinezoo.tasks.detection.anchors import grid_anchors
from refinezoo.tasks.detection.boxes import decode_offsets
from refinezoo.tasks.detection.nms import suppress

#: Sides of PVANET's anchors, in cells of 16 pixels, and their heights over widths.
SCALES = (2, 3, 5, 9, 16, 32)
RATIOS = (0.333, 0.5, 0.667, 1, 1.5, 2, 3)
#: Offsets of anchors are not scaled, those of regions are (`boxes.VARIANCES`).
UNSCALED = (1.0, 1.0, 1.0, 1.0)
_IOU = 0.7
_MIN_SIDE = 16


def region_anchors(
    image_size: int, scales: Sequence[float] = SCALES, ratios: Sequence[float] = RATIOS
) -> np.ndarray:
    """Anchors around the centre of every cell of 16 x 16 pixels, ratio by ratio.

    Args:
        image_size: side of the image, pixels.
        scales: sides of the square anchor, in cells.
        ratios: height over width; a cell-sized box of each ratio is rounded to whole pixels, then
            scaled, as in Faster R-CNN.

    Returns:
        float32 [cells * cells * 42, 4] (centre x, centre y, w, h), fractions of the image.
    """
    shapes, cells = np.asarray(ratios, "float64"), np.asarray(scales, "float64")
    width = np.round(np.sqrt(STRIDE**2 / shapes))
    one = np.stack([width, np.round(width * shapes)], axis=-1)
    sizes = (one[:, None] * cells[None, :, None]).reshape(-1, 2)
    return grid_anchors(image_size // STRIDE, sizes / image_size, STRIDE / image_size)


def rows(values, order):
    """Rows `order` int [B, k] of values [B, N, C]: [B, k, C]."""
    batch, count = ops.shape(order)
    last = values.shape[-1]
    return ops.take_along_axis(
        values, ops.broadcast_to(order[..., None], (batch, count, last)), axis=1
    )


def propose(logits, offsets, anchors: np.ndarray, *, candidates: int, image_size: int):
    """Boxes that the proposal network holds for objects, of which overlapping ones are dropped.

    Args:
        logits: float [B, A, 2], background and object.
        offsets: float [B, A, 4].
        anchors: float [A, 4], see `region_anchors`.
        candidates: boxes that enter the suppression, best first. The paper has 12,000; here every
            pair is compared at once, so memory grows with the square.
        image_size: side of the image, pixels; boxes with a side below 16 are dropped.

    Returns:
        boxes float32 [B, n, 4] xyxy as fractions of the image, clipped to it, and scores float32
        [B, n], falling where not 0; 0 = dropped. n is the lesser of `candidates` and A. No gradient
        passes.
    """
    logits, offsets = ops.stop_gradient(logits), ops.stop_gradient(offsets)
    boxes = ops.clip(decode_offsets(offsets, anchors, UNSCALED), 0.0, 1.0)
    scores = ops.softmax(ops.cast(logits, "float32"), axis=-1)[..., 1]
    small = ops.min(boxes[..., 2:] - boxes[..., :2], axis=-1) < _MIN_SIDE / image_size
    scores = ops.where(small, 0.0, scores)
    scores, order = ops.top_k(scores, min(candidates, len(anchors)))
    boxes = rows(boxes, order)
    return boxes, scores * suppress(boxes, scores > 0, _IOU)


@keras.saving.register_keras_serializable("refinezoo")
class Proposals(keras.layers.Layer):
    """The `count` best of `propose`, float32 [B, count, 4]; rows of zeros where there are fewer.

    Args:
        image_size: side of the image, pixels.
        scales: see `region_anchors`.
        ratios: see `region_anchors`.
        candidates: see `propose`.
        count: proposals of an image.
    """

    def __init__(
        self,
        image_size: int,
        scales: Sequence[float] = SCALES,
        ratios: Sequence[float] = RATIOS,
        candidates: int = 2000,
        count: int = 200,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.image_size, self.candidates, self.count = image_size, candidates, count
        self.scales, self.ratios = tuple(scales), tuple(ratios)
        self.anchors = region_anchors(image_size, scales, ratios)

    def call(self, logits, offsets):
        """Logits float [B, A, 2] and offsets float [B, A, 4] of the proposal network."""
        boxes, scores = self.all(logits, offsets)
        best, order = ops.top_k(scores, min(self.count, scores.shape[1]))
        boxes = ops.where(best[..., None] > 0, rows(boxes, order), 0.0)
        missing = self.count - boxes.shape[1]
        return ops.pad(boxes, ((0, 0), (0, missing), (0, 0))) if missing else boxes

    def all(self, logits, offsets):
        """What `propose` gives: more boxes than `call` takes, with their scores."""
        return propose(
            logits, offsets, self.anchors, candidates=self.candidates, image_size=self.image_size
        )

    def compute_output_spec(self, logits, offsets):
        return keras.KerasTensor((logits.shape[0], self.count, 4), dtype="float32")

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "scales": list(self.scales),
            "ratios": list(self.ratios),
            "candidates": self.candidates,
            "count": self.count,
        }
