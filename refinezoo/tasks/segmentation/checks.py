"""What segmentation refuses: images and masks that do not belong together, in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.metrics.segmentation import check_ids

MOST_CLASSES = 255  # ids are uint8, and one is left to be ignored


def checked_masks(masks: Any, images: np.ndarray, classes: int, ignore_id: int) -> np.ndarray:
    """Masks of class ids [B, H, W] that fit their images.

    Raises:
        RefinezooError: one-hot or float masks, another size than the images, or unknown ids.
    """
    masks = np.asarray(masks)
    if masks.ndim == 4 and masks.shape[-1] == classes > 1:
        raise RefinezooError(
            f"expected masks of class ids [B, H, W], received one-hot {list(masks.shape)}. Pass "
            "masks.argmax(-1)."
        )
    flat = masks[..., 0] if masks.ndim == 4 and masks.shape[-1] == 1 else masks
    if flat.shape != images.shape[:3]:
        raise RefinezooError(
            f"expected masks {list(images.shape[:3])}, the size of their images, received "
            f"{list(masks.shape)}. Resize masks by nearest neighbour, as "
            "refinezoo.data.read_segmentation_folder(folder, image_size) does."
        )
    check_ids(flat, classes, ignore_id)
    return flat


def check_labelled(masks: np.ndarray, ignore_id: int) -> None:
    """Refuses masks without any pixel to learn from."""
    empty = np.flatnonzero((masks == ignore_id).reshape(len(masks), -1).all(axis=1))
    if empty.size:
        raise RefinezooError(
            f"expected a labelled pixel in every mask, received masks of only {ignore_id} "
            f"(ignored) at index {', '.join(map(str, empty[:5]))}. Leave these images out."
        )


def checked_settings(
    class_names: Sequence[str], scales: Sequence[float], ignore_id: int
) -> list[str]:
    """The class names as a list.

    Raises:
        RefinezooError: too many names, scales that do not start with 1, or an ignored id
            that a class has.
    """
    names = list(class_names)
    if len(names) > MOST_CLASSES:
        raise RefinezooError(f"expected up to {MOST_CLASSES} class_names, received {len(names)}.")
    if list(scales[:1]) != [1] or not all(0 < s < 1 for s in scales[1:]):
        raise RefinezooError(
            "expected scales that start with 1 and go on with smaller ones, as (1, 0.75, 0.5), "
            f"received {scales!r}."
        )
    if not len(names) <= ignore_id <= 255:
        raise RefinezooError(
            f"expected ignore_id from {len(names)} (the number of classes) to 255, received "
            f"{ignore_id}. An ignored id is no class."
        )
    return names
