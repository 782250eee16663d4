"""A model of the user's own as the judge of labels: it must see the same before and after."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refinezoo.data.formats import Layout
from refinezoo.errors import RefinezooError
from refinezoo.models.answers import answer_to
from refinezoo.refinement.fingerprint import model_name, weights_sha256
from refinezoo.refinement.job import Job, worded
from refinezoo.refinement.labels import read_boxes


class Teacher:
    """Asks a detector, segmenter, depth or other task model of a render and of its refinement.

    What it saw on the render must be there on the refined image, and nothing new beside it that no
    label explains. A model that learnt from photos alone may see little on renders: of a detector
    only what it is sure of counts.

    Args:
        model: a model of refinezoo, or an exported file (`refinezoo.load`), of any task.
        agreement: the least agreement, 0 to 1, as the model's kind measures it: of a detector F1
            of boxes by class and IoU of 0.5, of a segmenter the share of equal pixels, of depth the
            share within a quarter.

    Raises:
        RefinezooError: a model that answers nothing to compare, or an agreement that is no share.
    """

    def __init__(self, model: Any, agreement: float = 0.5) -> None:
        kind = getattr(model, "kind", None)
        if not getattr(kind, "agreement_by", ""):
            raise RefinezooError(
                "expected a teacher that answers (a detector, segmenter, depth or other task "
                f"model), received {model_name(model)}. `refinezoo list` shows which is which."
            )
        if not 0 < agreement <= 1:
            raise RefinezooError(f"expected an agreement in (0, 1], received {agreement}.")
        self.model, self.agreement = model, agreement

    def kept(
        self,
        sources: Sequence[np.ndarray],
        refined: Sequence[np.ndarray],
        boxes_xyxy: Sequence[np.ndarray | None],
    ) -> list[float]:
        """The agreement of each pair.

        Args:
            sources: renders, uint8 `[H, W, 3]`.
            refined: of the same sizes.
            boxes_xyxy: the labelled boxes of each, float `[N, 4]` in pixels, or None.
        """
        before, after = (self._answers([*images]) for images in (sources, refined))
        return [
            self.model.kind.kept(self.model, was, then, boxes)
            for was, then, boxes in zip(before, after, boxes_xyxy, strict=True)
        ]

    def ask(
        self, layout: Layout, jobs: Sequence[Job], refined: Sequence[np.ndarray | None]
    ) -> None:
        """Notes in each job how much of its labels is found again; where a batch fails, each alone.

        Args:
            layout: whose labels they are.
            jobs: of renders that were refined, or failed to be.
            refined: their images; None for those that failed.
        """
        asked = [
            (job, image) for job, image in zip(jobs, refined, strict=True) if image is not None
        ]
        try:
            boxes = [
                read_boxes(layout, job.name, image.shape[1], image.shape[0]) for job, image in asked
            ]
            sources, images = [job.rgb for job, _ in asked], [image for _, image in asked]
            found = self.kept(sources, images, boxes) if asked else []
        except Exception as error:  # a network raises whatever its backend does
            if len(asked) == 1:
                asked[0][0].error = worded(asked[0][0].name, error)
                return
            for job, image in asked:
                self.ask(layout, [job], [image])
            return
        for (job, _), kept in zip(asked, found, strict=True):
            job.kept = kept

    def settings(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "model": model_name(self.model),
            "weights_sha256": weights_sha256(self.model),
            "agreement": self.agreement,
        }

    def _answers(self, images: list[np.ndarray]) -> list[Any]:
        given = self.model.predict(images, verbose=0)
        return [answer_to(given, row) for row, _ in enumerate(images)]
