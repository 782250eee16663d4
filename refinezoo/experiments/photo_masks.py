"""Where the foreground masks of photos come from that have none beside them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.masks import grabcut_mask
from refinezoo.errors import RefinezooError
from refinezoo.models.answers import answer_to

SURE = 0.5  # least score of a detection that counts as an object


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
    """The objects that a model of the user's own finds, as a mask of a picture.

    Of a detector GrabCut inside each box with a score of 0.5 or more; of a segmenter what is
    neither its class 0 nor void. A model trained on renders will do: masks only have to be right
    on average, for the statistics of many photos.

    Raises:
        RefinezooError: neither a detector nor a segmenter.
    """
    kind = getattr(getattr(model, "kind", None), "name", type(model).__name__)
    if kind == "segmenter":
        return lambda image: _of_ids(model, image)
    if kind == "detector":
        return lambda image: _of_boxes(model, image)
    raise RefinezooError(
        f"masks: expected grabcut, a detector or a segmenter, received a {kind}. "
        "`refinezoo list --kind detector` names some."
    )


def _of_ids(model: Any, image: np.ndarray) -> np.ndarray:
    ids = np.asarray(model.predict(image[None], verbose=0))[0]
    return ((ids != 0) & (ids != getattr(model, "ignore_id", 255))).astype("float32")[..., None]


def _of_boxes(model: Any, image: np.ndarray) -> np.ndarray:
    found = answer_to(model.predict(image[None], verbose=0), 0)
    height, width = image.shape[:2]
    mask = np.zeros((height, width, 1), "float32")
    count = int(found["count"])
    for box, score in zip(found["boxes"][:count], found["scores"][:count], strict=True):
        left, top, right, bottom = np.clip(box, 0, [width, height, width, height])
        if score >= SURE and right - left >= 1 and bottom - top >= 1:
            cut = grabcut_mask(image, (left, top, right - left, bottom - top))
            mask = np.maximum(mask, cut)
    return mask
