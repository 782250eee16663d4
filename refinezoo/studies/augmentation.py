"""SSD's augmentation for sets in which some pictures show no labelled object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refinezoo.tasks.detection import Augmentation


@dataclass(frozen=True)
class SceneAugmentation(Augmentation):
    """`Augmentation` that does not zoom out of a picture without objects.

    With no object to hold on to, a crop of the zoomed-out canvas could miss the picture.
    """

    def __call__(
        self,
        image: np.ndarray,
        boxes_xyxy: np.ndarray,
        labels: np.ndarray,
        crowd: np.ndarray,
        size: int,
        random: np.random.Generator,
    ) -> Any:
        """One augmented picture; arguments and result as in `Augmentation`."""
        if crowd.all() and self.expand:
            return replace(self, expand=0.0)(image, boxes_xyxy, labels, crowd, size, random)
        return super().__call__(image, boxes_xyxy, labels, crowd, size, random)
