"""MNIST, USPS and MNIST-M: the digits on which PixelDA and its rivals are compared.

The data themselves are not in the package (USPS and the photos are for research use only): every
function takes a path.
"""

import gzip
import os
from pathlib import Path

import cv2
import numpy as np

from refinezoo.data.formats import list_images
from refinezoo.data.image_size import side_of_square
from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError

SPLITS = {"train": "train", "test": "t10k"}  # split -> the prefix of MNIST's own files
VALIDATION = 1000  # labelled digits, the last of train, by which hyperparameters may be chosen
CLASSES = 10


def load_digits(
    path: str | os.PathLike,
    split: str,
    *,
    image_size: int = 28,
    photos: str | os.PathLike | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of one split, ready for a model of colour images.

    Args:
        path: `.npz` with x_train, y_train, x_test and y_test, or a folder with MNIST's IDX files
            (`train-images-idx3-ubyte`, ..., also as `.gz`).
        split: `"train"` or `"test"`, the standard splits, or `"validation"`, the last 1,000 digits
            of train: PixelDA's authors chose hyperparameters by the labels of as many.
        image_size: side, pixels; PixelDA resizes USPS (16 px) to 28.
        photos: a folder of photos, which makes MNIST-M of MNIST (see `mnist_m`).
        seed: of the photo patches.

    Returns:
        Images uint8 [N, S, S, 3] in 0 to 255, the digit bright on black (grey repeated on three
        channels; coloured where `photos` are given), and labels int32 [N], the digits 0 to 9.

    Raises:
        RefinezooError: missing files, or arrays that are not such digits.
    """
    if split == "validation":
        images, labels = load_digits(path, "train", image_size=image_size, photos=photos, seed=seed)
        return images[-VALIDATION:], labels[-VALIDATION:]
    if split not in SPLITS:
        raise RefinezooError(f"expected split 'train', 'validation' or 'test', received {split!r}.")
    image_size = side_of_square(image_size, "a model of digits")
    if image_size < 8:
        raise RefinezooError(f"expected image_size of 8 pixels or more, received {image_size}.")
    path = Path(path)
    images, labels = _from_idx(path, split) if path.is_dir() else _from_npz(path, split)
    images, labels = _checked(images, labels, f"{path} ({split})")
    if photos is not None:
        images = mnist_m(images, photos, seed=[seed, list(SPLITS).index(split)])
    if images.shape[1:3] != (image_size, image_size):
        images = np.stack([_resized(image, image_size) for image in images])
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=-1)
    return images, labels


def mnist_m(
    digits: np.ndarray, photos: str | os.PathLike, *, seed: int | list[int] = 0
) -> np.ndarray:
    """Digits blended into photo patches: |patch - digit| per channel (Ganin et al. 2016).

    Args:
        digits: uint8 [N, S, S], bright on black.
        photos: folder of photos, each side of at least S pixels; the order of their names counts.
        seed: of the patches; digit n gets the same patch whatever N is.

    Returns:
        uint8 [N, S, S, 3].

    Raises:
        RefinezooError: no photos, or one smaller than a digit.
    """
    side = digits.shape[1]
    images = []
    for file in list_images(photos):
        image = read_image(file)
        if min(image.shape[:2]) < side:
            raise RefinezooError(
                f"{file}: expected a photo of at least {side}x{side} pixels, received "
                f"{image.shape[1]}x{image.shape[0]}. Remove it from the folder."
            )
        images.append(image)
    draws = np.random.default_rng(seed).random((len(digits), 3))
    blended = np.empty((*digits.shape, 3), np.uint8)
    for index, (which, across, down) in enumerate(draws):
        photo = images[int(which * len(images))]
        y = int(down * (photo.shape[0] - side + 1))
        x = int(across * (photo.shape[1] - side + 1))
        patch = photo[y : y + side, x : x + side].astype(np.int16)
        blended[index] = np.abs(patch - digits[index][..., None])
    return blended


def _from_npz(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    names = (f"x_{split}", f"y_{split}")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise RefinezooError(
                    f"{path}: expected the arrays {' and '.join(names)}, received "
                    f"{', '.join(file.files) or 'none'}."
                )
            return file[names[0]], file[names[1]]
    except RefinezooError:
        raise
    except (OSError, ValueError) as error:
        raise RefinezooError(
            f"{path}: expected an .npz file or a folder of IDX files with digits; it cannot be "
            f"read: {error}."
        ) from None


def _from_idx(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    stem = SPLITS[split]
    return _idx(folder / f"{stem}-images-idx3-ubyte"), _idx(folder / f"{stem}-labels-idx1-ubyte")


def _idx(path: Path) -> np.ndarray:
    """An array of MNIST's own format: magic 0 0 8 D, D big-endian sizes, bytes."""
    packed = path.with_name(f"{path.name}.gz")
    if packed.is_file():
        data = gzip.decompress(packed.read_bytes())
    elif path.is_file():
        data = path.read_bytes()
    else:
        raise RefinezooError(f"expected the IDX file {path} or {packed.name}, received neither.")
    rank = data[3] if len(data) > 3 and data[:3] == b"\0\0\x08" else 0
    shape = tuple(np.frombuffer(data[4 : 4 + 4 * rank], ">i4").tolist())
    if not rank or len(data) != 4 + 4 * rank + int(np.prod(shape)):
        raise RefinezooError(f"{path}: expected a whole IDX file of bytes; it is another or cut.")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _checked(images: np.ndarray, labels: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise RefinezooError(
            f"{where}: expected grey images uint8 [N, S, S] in 0 to 255, received {images.dtype} "
            f"{list(images.shape)}."
        )
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or not len(labels):
        raise RefinezooError(
            f"{where}: expected a whole-numbered label for each of {len(images)} images, received "
            f"{labels.dtype} {list(labels.shape)}."
        )
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise RefinezooError(
            f"{where}: expected labels 0 to 9, received {labels.min()} to {labels.max()}. "
            "In some copies of USPS the digits run from 1 to 10: take label % 10 there."
        )
    # A digit never reaches its frame: a bright frame is dark print on white.
    frame = np.concatenate([images[:, 0].ravel(), images[:, -1].ravel()])
    if frame.mean() > 127:
        raise RefinezooError(
            f"{where}: expected bright digits on black, received a frame of mean "
            f"{frame.mean():.0f}. Invert the images: 255 - images."
        )
    return images, labels.astype(np.int32)


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    mode = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=mode)
