"""What callers pass as images; without OpenCV, so that it costs no start-up time."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError


def checked_images(images: Any) -> np.ndarray:
    """Images that a caller passed, as a stack.

    Args:
        images: uint8 [B, H, W, 3] or [H, W, 3], RGB.

    Returns:
        uint8 [B, H, W, 3], B = 1 for a single image.

    Raises:
        RefinezooError: for another dtype or shape, or nothing in it.
    """
    images = np.asarray(images)
    stack = images[None] if images.ndim == 3 else images
    if stack.dtype != np.uint8 or stack.ndim != 4 or stack.shape[-1] != 3 or 0 in stack.shape:
        raise RefinezooError(
            "expected uint8 RGB images [B, H, W, 3] or [H, W, 3], received "
            f"{images.dtype} {list(images.shape)}. refinezoo.data.read_image turns grey, RGBA and "
            "16-bit files into RGB."
        )
    return stack


def pad_to_multiple(images, multiple, least=0):
    """Mirrors rows and columns below and to the right until H and W are multiples of `multiple`.

    At least `least` pixels and two multiples, so that the network's own reflection padding fits.
    """

    def missing(size):
        wanted = max(size, least, 4 * multiple if multiple > 1 else 1)
        return -(-wanted // multiple) * multiple - size

    rows, columns = missing(images.shape[1]), missing(images.shape[2])
    if not rows and not columns:
        return images
    # "symmetric" repeats as often as needed, so that 1 px images work too.
    return np.pad(images, ((0, 0), (0, rows), (0, columns), (0, 0)), mode="symmetric")


def checked_image(image: Any) -> np.ndarray:
    """One image that a caller passed, as uint8 `[H, W, 3]`.

    Floats that can only be 0..255 are rounded; what could be [0, 1] or [-1, 1] is refused, since a
    model would misread it.

    Raises:
        RefinezooError: for grey or RGBA images, other types, values of another range, or nothing.
    """
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[-1] == 3 and image.size:
        if image.dtype == np.uint8:
            return image
        if image.dtype.kind == "f" and 1.0 < image.max() <= 255.0 and image.min() >= 0.0:
            return np.rint(image).astype(np.uint8)
    raise RefinezooError(
        "expected uint8 RGB images [H, W, 3] in 0..255 (or the same as floats), received "
        f"{image.dtype} {list(image.shape)}{_range_of(image)}. refinezoo.data.read_image turns "
        "grey, RGBA and 16-bit files into RGB; multiply images in [0, 1] by 255."
    )


def _range_of(image: np.ndarray) -> str:
    if image.dtype.kind not in "fiu" or not image.size:
        return ""
    return f" from {image.min():.4g} to {image.max():.4g}"


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image at another size: area averages to shrink, else bilinear, as exported files do."""
    if image.shape[:2] == (height, width):
        return image
    import cv2

    # INTER_AREA averages what it drops; for enlarging it would give blocks.
    shrink = image.shape[0] >= height and image.shape[1] >= width
    method = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=method)


class ImageBatches:
    """The batches of what `predict` takes, as lists of uint8 images `[H, W, 3]`.

    Args:
        x: images, a list of images, or a data set of batches.
        batch_size: images per batch of arrays and lists; None is 8.
        steps: most batches; None is all.
        mixed: whether a batch may hold images of different sizes.

    Attributes:
        steps: the number of batches, None if it is not known.
    """

    def __init__(self, x: Any, batch_size: int | None, steps: int | None, *, mixed: bool):
        self.x, self.mixed, self.most = x, mixed, steps
        self.images = _images_of(x)
        self.fill = 1
        if self.images is not None:
            size = min(batch_size or 8, len(self.images))
            self.batches = list(self._groups(self.images, size))[:steps]
            self.steps: int | None = len(self.batches)
            if mixed or len({image.shape for image in self.images}) == 1:
                self.fill = size
        else:
            length = _length(x)
            if length == math.inf and steps is None:
                raise RefinezooError(
                    "expected a data set that ends, received one that repeats forever. Give steps, "
                    "the number of batches."
                )
            self.steps = steps if length is None else int(min(length, steps or length))

    def filled(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """A last, smaller batch of many, filled up: its size would be compiled anew."""
        return images + [images[-1]] * (self.fill - len(images))

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        if self.images is not None:
            yield from self.batches
            return
        source = self.x
        if hasattr(source, "__getitem__") and hasattr(source, "__len__"):  # a PyDataset
            source = (self.x[index] for index in range(len(self.x)))
        seen = False
        for batch in itertools.islice(source, self.most):
            seen = True
            images = batch[0] if isinstance(batch, (tuple, list)) else batch
            images = [checked_image(image) for image in np.asarray(images)]
            yield from self._groups(images, len(images))
        if not seen:
            raise _no_images(self.x)

    def _groups(self, images: list[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
        group: list[np.ndarray] = []
        for image in images:
            other = group and not self.mixed and image.shape != group[0].shape
            if len(group) == size or other:
                yield group
                group = []
            group.append(image)
        if group:
            yield group


def _images_of(x: Any) -> list[np.ndarray] | None:
    """The images of an array or a list; None for a data set."""
    if isinstance(x, np.ndarray) or (hasattr(x, "shape") and hasattr(x, "dtype")):
        stack = np.asarray(x)
        x = stack[None] if stack.ndim == 3 else stack
        if stack.ndim not in (3, 4):
            checked_image(stack)
    elif not isinstance(x, (list, tuple)):
        if (
            not hasattr(x, "__iter__")
            and not hasattr(x, "__getitem__")
            or isinstance(x, (str, dict))
        ):
            raise _no_images(x)
        return None
    images = [checked_image(image) for image in x]
    if not images:
        raise _no_images(x)
    return images


def _length(x: Any) -> float | None:
    """The batches of a data set; None if that is not known."""
    try:
        return len(x)
    except TypeError:  # of a generator, or a tf.data.Dataset of which that is not known
        count = getattr(x, "cardinality", None)
        return math.inf if count is not None and int(count()) == -1 else None


def _no_images(x: Any) -> RefinezooError:
    return RefinezooError(
        "expected uint8 RGB images [B, H, W, 3], a list of one or more images, or a data set of "
        f"such batches, received {type(x).__name__} {list(getattr(x, 'shape', []))} without any."
    )
