"""Axis-aligned boxes: conversions, overlaps and the SSD offset code, vectorised.

Three notations, always named: `xywh` (COCO: top left corner, width, height), `xyxy` (two corners)
and `cxcywh` (centre, width, height). The functions keep whatever unit comes in (pixels, or
fractions of the image), except where a docstring says otherwise.
"""

import numpy as np
from keras import ops

#: Scale of the offsets (centre x, centre y, log width, log height), SSD's "variances".
VARIANCES = (0.1, 0.1, 0.2, 0.2)
# exp() of more than this overflows or makes boxes 20,000 anchors wide: no object needs it.
_MAX_LOG_SCALE = 10.0


def xywh_to_xyxy(boxes: np.ndarray) -> np.ndarray:
    """[..., 4] (x, y, w, h) to [..., 4] (x1, y1, x2, y2)."""
    boxes = np.asarray(boxes)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def xyxy_to_xywh(boxes: np.ndarray) -> np.ndarray:
    """[..., 4] (x1, y1, x2, y2) to [..., 4] (x, y, w, h)."""
    boxes = np.asarray(boxes)
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def xyxy_to_cxcywh(boxes: np.ndarray) -> np.ndarray:
    """[..., 4] (x1, y1, x2, y2) to [..., 4] (centre x, centre y, w, h)."""
    boxes = np.asarray(boxes)
    size = boxes[..., 2:] - boxes[..., :2]
    return np.concatenate([boxes[..., :2] + size / 2, size], axis=-1)


def cxcywh_to_xyxy(boxes: np.ndarray) -> np.ndarray:
    """[..., 4] (centre x, centre y, w, h) to [..., 4] (x1, y1, x2, y2)."""
    boxes = np.asarray(boxes)
    half = boxes[..., 2:] / 2
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


def area(boxes_xyxy: np.ndarray) -> np.ndarray:
    """Areas [...] of boxes [..., 4]; 0 where a box is inside out."""
    size = np.clip(boxes_xyxy[..., 2:] - boxes_xyxy[..., :2], 0, None)
    return size[..., 0] * size[..., 1]


def intersections(boxes_xyxy: np.ndarray, others_xyxy: np.ndarray) -> np.ndarray:
    """Intersection areas [N, M] of every pair of [N, 4] and [M, 4]."""
    low = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    high = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:])
    size = np.clip(high - low, 0, None)
    return size[..., 0] * size[..., 1]


def pairwise_iou(boxes_xyxy: np.ndarray, others_xyxy: np.ndarray) -> np.ndarray:
    """Intersection over union [N, M], in [0, 1]; 0 for pairs without area."""
    shared = intersections(boxes_xyxy, others_xyxy)
    union = area(boxes_xyxy)[:, None] + area(others_xyxy)[None] - shared
    return shared / np.maximum(union, 1e-12)


def pairwise_coverage(boxes_xyxy: np.ndarray, others_xyxy: np.ndarray) -> np.ndarray:
    """Share [N, M] of each of the first boxes that each of the others covers, in [0, 1]."""
    shared = intersections(boxes_xyxy, others_xyxy)
    return shared / np.maximum(area(boxes_xyxy), 1e-12)[:, None]


def clip_boxes(boxes_xyxy: np.ndarray, height: float, width: float) -> np.ndarray:
    """Boxes [..., 4] cut at the edges of an image of that height and width."""
    return np.clip(boxes_xyxy, 0, np.array([width, height, width, height], boxes_xyxy.dtype))


def encode_offsets(boxes_xyxy: np.ndarray, anchors_cxcywh: np.ndarray) -> np.ndarray:
    """SSD regression targets [N, 4] of boxes [N, 4] seen from their anchors [N, 4].

    ((cx - cx_a) / w_a) / 0.1, ((cy - cy_a) / h_a) / 0.1, ln(w / w_a) / 0.2, ln(h / h_a) / 0.2;
    boxes and anchors in the same unit.
    """
    boxes = xyxy_to_cxcywh(boxes_xyxy)
    centre = (boxes[..., :2] - anchors_cxcywh[..., :2]) / anchors_cxcywh[..., 2:]
    scale = np.log(np.maximum(boxes[..., 2:], 1e-9) / anchors_cxcywh[..., 2:])
    return np.concatenate([centre, scale], axis=-1) / np.array(VARIANCES, boxes.dtype)


def decode_offsets(offsets, anchors_cxcywh, variances=VARIANCES):
    """Inverse of `encode_offsets` in `keras.ops`.

    Args:
        offsets: float [..., A, 4], the network's raw regression.
        anchors_cxcywh: float [A, 4], or of the shape of `offsets`.
        variances: what the offsets were divided by.

    Returns:
        Boxes float [..., A, 4] (x1, y1, x2, y2) in the anchors' unit, not clipped.
    """
    anchors = ops.convert_to_tensor(anchors_cxcywh, dtype="float32")
    offsets = ops.cast(offsets, "float32") * ops.convert_to_tensor(variances, dtype="float32")
    centre = offsets[..., :2] * anchors[..., 2:] + anchors[..., :2]
    half = ops.exp(ops.minimum(offsets[..., 2:], _MAX_LOG_SCALE)) * anchors[..., 2:] / 2
    return ops.concatenate([centre - half, centre + half], axis=-1)
