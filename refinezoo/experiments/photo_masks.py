"""Where the foreground masks of photos come from that have none beside them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.masks import grabcut_mask
from refinezoo.errors import RefinezooError
from refinezoo.models.answers import answer_to


def checked_source(source: str | None) -> str | None:
    """A source of masks as a config says it, if there is one of that name; nothing is loaded.

    Raises:
        RefinezooError: neither `grabcut` nor a model that is there.
    """
    from refinezoo.zoo import find

    if source is not None and source != "grabcut":
        try:
            find(source)
        except RefinezooError as error:
            raise RefinezooError(f"expected grabcut, or a detector or segmenter: {error}") from None
    return source


def mask_function(
    source: str | None, root: Path | None = None
) -> Callable[[np.ndarray], np.ndarray] | None:
    """What makes a mask of a photo: `"grabcut"`, or the zoo name or preset folder of a model.

    Args:
        source: as a config says it; None makes none.
        root: where preset folders are looked for, before here.

    Raises:
        RefinezooError: no such model, or none that finds objects.
    """
    if source is None:
        return None
    if source == "grabcut":
        return grabcut_mask
    from refinezoo import load

    folder = (root or Path()) / source
    return mask_by(load(folder if folder.is_dir() else source))


def mask_by(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The objects that a model of the user's own finds, as a mask of an image.

    As its kind says (`Kind.object_mask`): a detector's boxes, a segmenter's classes. A model
    trained on renders will do: masks only have to be right on average, for the statistics of many
    photos.

    Raises:
        RefinezooError: a model that finds no objects.
    """
    kind: Any = getattr(model, "kind", None)
    if not getattr(kind, "finds_objects", False):
        raise RefinezooError(
            "masks: expected grabcut, a detector or a segmenter, received a "
            f"{kind.name if kind else type(model).__name__}. "
            "`refinezoo list --kind detector` names some."
        )

    def mask(image: np.ndarray) -> np.ndarray:
        answer = answer_to(model.predict(image[None], verbose=0), 0)
        return kind.object_mask(model, image, answer)

    return mask
