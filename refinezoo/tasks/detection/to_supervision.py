"""A detector's answer as `supervision.Detections` (https://supervision.roboflow.com) takes it."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def to_supervision(
    answer: dict[str, np.ndarray], class_names: Sequence[str], *, score_threshold: float = 0.0
) -> list[dict[str, Any]]:
    """What `predict` of a detector, or of its exported file, says of each image.

    `[supervision.Detections(**fields) for fields in to_supervision(...)]`; the library itself is
    not needed here.

    Args:
        answer: `boxes` [B, K, 4] xyxy in pixels of the image, `scores` [B, K] and `classes` [B, K],
            of which the first `count` [B] are filled.
        class_names: the detector's.
        score_threshold: detections with a lower score are left out.

    Returns:
        A dict an image: `xyxy` [N, 4], `confidence` [N], `class_id` [N], `data` with `class_name`.
    """
    names, found = np.array(class_names), []
    for boxes, scores, classes, count in zip(
        *(np.asarray(answer[key]) for key in ("boxes", "scores", "classes", "count")), strict=True
    ):
        kept = (np.arange(len(scores)) < count) & (scores >= score_threshold)
        ids = classes[kept].astype(int)
        fields = {"xyxy": boxes[kept], "confidence": scores[kept], "class_id": ids}
        found.append({**fields, "data": {"class_name": names[ids]}})
    return found
