"""Images with their foreground masks, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from refinezoo.data.formats.base import beside
from refinezoo.data.images import read_image
from refinezoo.data.mask_files import read_foreground_mask
from refinezoo.data.mask_values import as_foreground_mask
from refinezoo.errors import RefinezooError


def images_and_masks(
    paths: Iterable[Path],
    masks: Callable[[np.ndarray], np.ndarray] | None = None,
    *,
    size: tuple[int, int] | None = None,
    resize_masks: bool = False,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Reads images with the masks beside them, and makes those that are not there.

    Args:
        paths: of the images; masks lie in `foreground_masks/`, class ids, of which 0 is no
            object, in `masks/`, beside their folder.
        masks: function image -> mask for images without a file, as `grabcut_mask`.
        size: height and width to bring both to; None keeps them.
        resize_masks: bring masks of another size to their image's (nearest).

    Yields:
        uint8 `[H, W, 3]` and float32 `[H, W, 1]`, 1 = object.

    Raises:
        RefinezooError: an image has no mask, one that cannot be read, or of another size.
    """
    paths = [Path(path) for path in paths]
    known = beside(paths)
    for path in paths:
        image = read_image(path)
        height, width = image.shape[:2]
        files = (known[kind].get(path) for kind in ("foreground_mask", "class_ids"))
        file = next(filter(None, files), None)
        if file is not None:
            mask = read_foreground_mask(file, height, width, resize=resize_masks)
        elif masks is not None:
            mask = as_foreground_mask(masks(image), height, width, name=f"the mask of {path}")
        else:
            raise RefinezooError(
                f"expected a foreground mask beside {path}, received none. Put "
                "foreground_masks/NAME.png beside the images' folder, or say where masks come "
                "from (masks: grabcut, or a detector or segmenter of yours)."
            )
        if size is not None:
            image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
            mask = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)[..., None]
        yield image, mask
