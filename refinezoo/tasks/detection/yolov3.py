"""YOLOv3: every cell of three maps predicts boxes around itself.

    b_xy = (sigmoid(t_xy) + corner) / cells;  b_wh = anchor exp(t_wh)
    loss = sum_obj (2 - w h) (BCE(xy) + 0.5 |t_wh - t'_wh|^2) + BCE(objectness) + sum_obj BCE(class)

Each object is the task of one prediction: that of the cell its centre is in, with the anchor of the
most similar shape. See `networks.yolov3`, `losses.yolo`, `anchors`, `data.letterbox` and `nms`.

Reference:
    Redmon & Farhadi, YOLOv3: An Incremental Improvement, arXiv 1804.02767.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import keras
import numpy as np
from keras import ops
from pydantic import BeforeValidator, PositiveFloat, PositiveInt

from refinezoo.config import Share
from refinezoo.errors import RefinezooError
from refinezoo.losses.yolo import CROWD, OBJECT, YOLOLoss, predicted_boxes
from refinezoo.models.arguments import ClassNames
from refinezoo.models.registry import register
from refinezoo.networks.yolov3 import BACKBONES, STRIDES, yolov3_network
from refinezoo.renames import renamed
from refinezoo.tasks.detection.anchors import shape_iou
from refinezoo.tasks.detection.boxes import area, xyxy_to_cxcywh
from refinezoo.tasks.detection.detector import Detector
from refinezoo.tasks.detection.nms import multiclass_nms
from refinezoo.training.jit import choose_jit
from refinezoo.training.start import slow_backbone

#: (w, h) in pixels of a 416 pixel input, from the boxes of COCO.
PAPER_ANCHORS = (
    (10, 13),
    (16, 30),
    (33, 23),
    (30, 61),
    (62, 45),
    (59, 119),
    (116, 90),
    (156, 198),
    (373, 326),
)
_PAPER_SIZE = 416


def _by_area(anchors: Any) -> list[list[float]]:
    try:
        sides = np.asarray(anchors, "float64")
    except (TypeError, ValueError):
        sides = np.zeros(0)
    good = sides.ndim == 2 and sides.shape[1] == 2 and len(sides) and len(sides) % 3 == 0
    if not good or not np.isfinite(sides).all() or sides.min() <= 0:
        raise ValueError(
            "pairs (w, h) of positive pixels, as many for each of three maps (3, 6, 9, ...), which "
            "find_anchors makes of a dataset"
        )
    order = np.argsort(sides.prod(axis=1), kind="stable")
    return [[round(float(side), 4) for side in pair] for pair in sides[order]]


Anchors = Annotated[Sequence[Sequence[float]], BeforeValidator(_by_area)]


@register
class YOLOv3(Detector):
    """YOLOv3; the paper's network, on Darknet-53, at its defaults.

    Images are letterboxed: placed in the middle of a grey square, not stretched.

    Args:
        class_names: names of the K classes.
        image_size: side of the input, pixels, a multiple of 32.
        backbone: `"darknet53"`, or `"efficientnet_lite0"`, of which the zoo has ImageNet weights:
            call `start_from` before `fit`.
        width_multiplier: multiplies the network's channels; not those of EfficientNet-Lite0.
        depth_multiplier: multiplies the residual blocks of Darknet-53.
        batch_norm: True trains the batch normalisation of EfficientNet-Lite0, which None keeps as
            it is; Darknet-53 always trains its own.
        anchors: pairs (w, h) in pixels of `image_size`, a multiple of three; the larger ones go to
            the coarser maps. None takes the paper's nine, scaled from 416 to `image_size`;
            `anchors.find_anchors` finds those of a dataset.
        ignore_threshold: predictions without an object that overlap one this much are not
            punished.
        max_boxes: boxes per image that this rule knows; of more, the largest.
        score_threshold: detections with a lower score (objectness times class) are dropped.
        nms_iou: overlap above which the weaker of two boxes of a class is dropped.
        top_k: candidates per class before suppression.
        keep: detections per image, padding included.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Example:
        >>> anchors = find_anchors(train, image_size=128)
        >>> small = {"width_multiplier": 0.25, "depth_multiplier": 0.25}
        >>> detector = YOLOv3(train.class_names, image_size=128, anchors=anchors, **small)
        >>> detector.compile()
        >>> detector.fit(DetectionBatches(train, detector, sizes=[96, 128, 160]), epochs=60)
        >>> detector.evaluate_coco(test)["AP50"]
    """

    letterbox = True
    size_step = STRIDES[0]

    @renamed(width="width_multiplier", depth="depth_multiplier")
    def __init__(
        self,
        class_names: ClassNames,
        *,
        image_size: int = 416,
        backbone: str = "darknet53",
        width_multiplier: PositiveFloat = 1.0,
        depth_multiplier: PositiveFloat = 1.0,
        batch_norm: bool | None = None,
        anchors: Anchors | None = None,
        ignore_threshold: Share = 0.5,
        max_boxes: PositiveInt = 50,
        score_threshold: Share = 0.01,
        nms_iou: Share = 0.5,
        top_k: PositiveInt = 200,
        keep: PositiveInt = 100,
        **kwargs,
    ) -> None:
        super().__init__(
            class_names,
            image_size=image_size,
            score_threshold=score_threshold,
            nms_iou=nms_iou,
            top_k=top_k,
            keep=keep,
            **kwargs,
        )
        _check_size(self.image_size)
        self.backbone, self.batch_norm = backbone, batch_norm
        self.width_multiplier, self.depth_multiplier = width_multiplier, depth_multiplier
        self.ignore_threshold, self.max_boxes = ignore_threshold, max_boxes
        if anchors is None:
            anchors = (np.array(PAPER_ANCHORS) * (self.image_size / _PAPER_SIZE)).tolist()
        self.anchors = _by_area(anchors)
        self.network = yolov3_network(
            len(self.class_names),
            len(self.anchors) // len(STRIDES),
            backbone=backbone,
            width_multiplier=self.width_multiplier,
            depth_multiplier=self.depth_multiplier,
            batch_norm=batch_norm,
        )
        self.built = True

    def compile(self, optimizer=None, loss=None, jit_compile="auto", **kwargs) -> None:
        """Configures training.

        Args:
            optimizer: keras-yolo3's by default: Adam at 1e-3, for batches of 32. It trains the
                heads so for 50 epochs on a pretrained trunk, then everything at 1e-4. With
                EfficientNet-Lite0 `training.start.slow_backbone()` from the start.
            loss: `YOLOLoss` with this detector's anchors by default.
            jit_compile: as in `keras.Model.compile`; see `choose_jit` for "auto".
            **kwargs: as in `keras.Model.compile`.
        """
        if optimizer is None:
            own = self.backbone == BACKBONES[0]
            optimizer = keras.optimizers.Adam(1e-3) if own else slow_backbone()
        super().compile(
            optimizer=optimizer,
            loss=YOLOLoss(self.anchors, self.ignore_threshold) if loss is None else loss,
            jit_compile=choose_jit(jit_compile),
            **kwargs,
        )

    def prediction_count(self, image_size: int) -> int:
        """Boxes predicted for an input of that side: 10,647 for 416 pixels and nine anchors."""
        cells = sum((image_size // stride) ** 2 for stride in STRIDES)
        return len(self.anchors) // len(STRIDES) * cells

    def encode(
        self,
        boxes_xyxy: np.ndarray,
        labels: np.ndarray,
        crowd: np.ndarray,
        image_size: int | None = None,
    ) -> np.ndarray:
        """Targets float32 [A + max_boxes, 5] of one image, as `yolo_loss` takes them.

        Args:
            boxes_xyxy: float [N, 4], fractions of the input.
            labels: int [N], 0 to K-1.
            crowd: bool [N]; no prediction answers for them, and none in them is a mistake.
            image_size: side of this input, pixels; None for the detector's own.
        """
        size = image_size or self.image_size
        _check_size(size)
        count = self.prediction_count(size)
        targets = np.zeros((count + self.max_boxes, 5), "float32")
        # Large ones first: where two want the same prediction, the smaller one is in front.
        order = np.argsort(-area(boxes_xyxy), kind="stable")
        boxes, labels = np.asarray(boxes_xyxy, "float64")[order], np.asarray(labels)[order]
        crowd = np.asarray(crowd, bool)[order]
        known = min(len(boxes), self.max_boxes)
        targets[count : count + known, 0] = np.where(crowd[:known], CROWD, OBJECT)
        targets[count : count + known, 1:] = boxes[:known]
        things = xyxy_to_cxcywh(boxes[~crowd])
        if len(things):
            rows, values = self._assign(things, size)
            targets[rows, 0] = labels[~crowd] + 1
            targets[rows, 1:] = values
        return targets

    def _assign(self, things: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows [N] of objects [N, 4] (cx, cy, w, h), fractions, and their targets [N, 4]."""
        anchors = np.array(self.anchors)
        best = shape_iou(things[:, 2:] * size, anchors).argmax(axis=1)
        per_cell = len(anchors) // len(STRIDES)
        level, anchor = len(STRIDES) - 1 - best // per_cell, best % per_cell
        sides = size // np.array(STRIDES)
        first = np.concatenate([[0], np.cumsum(sides**2 * per_cell)])[level]
        cells = sides[level]
        place = things[:, :2] * cells[:, None]
        corner = np.clip(np.floor(place), 0, cells[:, None] - 1).astype(int)
        rows = first + (corner[:, 1] * cells + corner[:, 0]) * per_cell + anchor
        scale = np.log(np.maximum(things[:, 2:] * size, 1e-6) / anchors[best])
        return rows, np.concatenate([place - corner, scale], axis=1)

    def decode(self, raw):
        """Raw predictions float [B, A, 5 + K] to detections.

        Returns:
            boxes float32 [B, keep, 4] xyxy as fractions of the input, not clipped; scores, classes
            and count as `multiclass_nms` gives them.
        """
        # The network takes any size; what is decoded has this one, and static shapes.
        shape = (-1, self.prediction_count(self.image_size), 5 + len(self.class_names))
        raw = ops.reshape(ops.cast(raw, "float32"), shape)
        scores = ops.sigmoid(raw[..., 4:5]) * ops.sigmoid(raw[..., 5:])
        return multiclass_nms(
            predicted_boxes(raw, self.anchors),
            scores,
            score_threshold=self.score_threshold,
            iou_threshold=self.nms_iou,
            top_k=self.top_k,
            keep=self.keep,
        )


def _check_size(image_size) -> None:
    if int(image_size) != image_size or image_size < STRIDES[0] or image_size % STRIDES[0]:
        below = max(STRIDES[0], int(image_size) // STRIDES[0] * STRIDES[0])
        raise RefinezooError(
            f"expected image_size as a multiple of {STRIDES[0]} pixels (the network halves its "
            f"input five times), received {image_size}. Use {below} or {below + STRIDES[0]}."
        )
