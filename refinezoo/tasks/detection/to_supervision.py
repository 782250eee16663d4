"""A detector's answer as `supervision.Detections` (https://supervision.roboflow.com)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError


def to_supervision(
    answer: dict[str, np.ndarray], class_names: Sequence[str], *, score_threshold: float = 0.0
) -> list[Any]:
    """What `predict` of a detector, or of its exported file, says of each image.

    Args:
        answer: `boxes` [B, K, 4] xyxy in pixels of the image, `scores` [B, K] and `classes` [B, K],
            of which the first `count` [B] are filled.
        class_names: the detector's.
        score_threshold: detections with a lower score are left out.

    Returns:
        A `supervision.Detections` an image, with `class_name` in its `data`.

    Raises:
        RefinezooError: supervision is not installed.
    """
    try:
        import supervision
    except ImportError:
        raise RefinezooError(
            "to_supervision needs supervision. Run pip install supervision."
        ) from None
    names, found = np.array(class_names), []
    for boxes, scores, classes, count in zip(
        *(np.asarray(answer[key]) for key in ("boxes", "scores", "classes", "count")), strict=True
    ):
        kept = np.arange(len(scores)) < count
        kept &= scores >= score_threshold
        found.append(
            supervision.Detections(
                xyxy=boxes[kept],
                confidence=scores[kept],
                class_id=classes[kept].astype(int),
                data={"class_name": names[classes[kept].astype(int)]},
            )
        )
    return found
