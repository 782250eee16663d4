"""Reading any picture as uint8 RGB, writing it atomically, listing a folder."""

import logging
import os
import re
from pathlib import Path

import cv2
import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
MATTE = 128  # what shows through transparent pixels

# What ends a JPEG's segment of compressed data: no stuffed zero, restart, fill byte.
_JPEG_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")

_log = logging.getLogger(__name__)


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture as RGB, whatever its format.

    Grey and palette pictures become RGB, CMYK JPEG is converted, 16-bit values are divided by 257,
    transparent pixels are laid over mid-grey (128), and the EXIF orientation is applied.

    Args:
        path: PNG, JPEG, BMP, WebP, TIFF or PNM file.

    Returns:
        uint8 [H, W, 3], RGB, 0 to 255.

    Raises:
        RefinezooError: the file is missing, empty, truncated or no picture.
    """
    path = Path(path)
    data = _bytes(path)
    _refuse_truncated(path, data)
    buffer = np.frombuffer(data, np.uint8)
    image = _decode(buffer, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise RefinezooError(
            f"{path}: expected a picture ({', '.join(IMAGE_SUFFIXES)}), received {len(data)} bytes "
            "that do not decode. Replace or delete the file."
        )
    if image.ndim == 3 and image.shape[2] == 4:
        return _over_grey(path, _eight_bit(path, image))
    # A second decoding: IMREAD_UNCHANGED ignores the EXIF orientation.
    colour = _decode(buffer, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    colour = image if colour is None else colour
    if colour.ndim == 2:
        colour = cv2.cvtColor(colour, cv2.COLOR_GRAY2BGR)
    return cv2.cvtColor(_eight_bit(path, colour), cv2.COLOR_BGR2RGB)


def read_rgba(path: str | os.PathLike) -> np.ndarray:
    """Reads a cut-out with its transparency: uint8 [H, W, 4], RGBA, straight alpha.

    Raises:
        RefinezooError: the file is truncated, does not decode or has no alpha channel.
    """
    path = Path(path)
    data = _bytes(path)
    _refuse_truncated(path, data)
    image = _decode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        received = "bytes that do not decode" if image is None else f"shape {list(image.shape)}"
        raise RefinezooError(
            f"{path}: expected an RGBA cut-out (PNG with transparency), received {received}. "
            "Cut the object out of its background and save it as PNG with an alpha channel."
        )
    return cv2.cvtColor(_eight_bit(path, image), cv2.COLOR_BGRA2RGBA)


def read_mask(path: str | os.PathLike) -> np.ndarray:
    """Reads a one-channel mask without changing its values: [H, W], as stored.

    Raises:
        RefinezooError: the file is truncated or does not decode.
    """
    path = Path(path)
    data = _bytes(path)
    _refuse_truncated(path, data)
    mask = _decode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if mask is None:
        raise RefinezooError(f"{path}: expected a mask picture, received bytes that do not decode.")
    return mask if mask.ndim == 2 else mask[..., 0]


def write_image(path: str | os.PathLike, image: np.ndarray, quality: int = 95) -> Path:
    """Writes a picture atomically; the suffix chooses the format.

    Args:
        path: the file, e.g. `.png` (lossless) or `.jpg`.
        image: uint8 [H, W, 3] RGB, [H, W, 4] RGBA or [H, W] grey.
        quality: of JPEG and WebP, 0 to 100.

    Returns:
        The path.

    Raises:
        RefinezooError: the array is no picture or the suffix is unknown.
    """
    path = Path(path)
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise RefinezooError(
            f"expected an image uint8 [H, W, 3] or [H, W], received {image.dtype} "
            f"{list(image.shape)}. Convert with np.clip(image, 0, 255).astype('uint8')."
        )
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise RefinezooError(
            f"{path}: expected one of the suffixes {', '.join(IMAGE_SUFFIXES)}, "
            f"received {path.suffix!r}."
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(encode_image(image, path.suffix, quality))
    return path


def encode_image(image: np.ndarray, suffix: str = ".png", quality: int = 95) -> bytes:
    """The bytes of a picture file: RGB, RGBA or grey uint8 in, the format of `suffix` out."""
    if image.ndim == 3:
        code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        image = cv2.cvtColor(image, code)
    options = {
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 1],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }.get(suffix.lower(), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imencode(suffix, image, options)[1].tobytes()


def list_images(folder: str | os.PathLike) -> list[Path]:
    """The pictures of a folder (not of its sub-folders), sorted by name.

    Raises:
        RefinezooError: the folder is missing or holds no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RefinezooError(f"expected a folder of pictures, received {folder}: no such folder.")
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
    if not paths:
        nested = " It has an images/ folder: give that." if (folder / "images").is_dir() else ""
        raise RefinezooError(
            f"expected pictures ({', '.join(IMAGE_SUFFIXES)}) in {folder}, received none.{nested}"
        )
    return paths


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RefinezooError(
            f"expected a picture file, received {path}: {error.strerror}."
        ) from None
    if not data:
        raise RefinezooError(f"{path}: expected a picture, received a file of zero bytes.")
    return data


def _decode(buffer: np.ndarray, flags: int) -> np.ndarray | None:
    try:
        return cv2.imdecode(buffer, flags) if buffer.size else None
    except cv2.error:
        return None


def _refuse_truncated(path: Path, data: bytes) -> None:
    """OpenCV fills what a cut file lacks with grey; a training set must not contain that."""
    whole = True
    if data[:2] == b"\xff\xd8":
        whole = _jpeg_ends(data)
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        whole = b"IEND" in data
    elif data[:4] == b"RIFF":
        whole = len(data) >= 8 + int.from_bytes(data[4:8], "little")
    if not whole:
        raise RefinezooError(
            f"{path}: expected a whole picture, received a truncated file ({len(data)} bytes "
            "without the end marker). Copy it again or delete it."
        )


def _jpeg_ends(data: bytes) -> bool:
    """Whether a JPEG reaches its end marker; phones append megabytes (motion photos) to it.

    Segments are skipped by their length, since the preview in EXIF has an end marker of its own.
    """
    place = 2
    while marker := _JPEG_MARKER.search(data, place):
        if marker[1] == b"\xd9":
            return True
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return False


def _eight_bit(path: Path, image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        _log.info("%s: 16 bits per channel divided by 257", path)
        return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    raise RefinezooError(
        f"{path}: expected 8 or 16 bits per channel, received {image.dtype}. "
        "Save it as an 8-bit picture (a float picture has no stated range)."
    )


def _over_grey(path: Path, image: np.ndarray) -> np.ndarray:
    alpha = image[..., 3:].astype(np.uint16)
    if alpha.min() < 255:
        _log.info("%s: transparent pixels laid over grey %d", path, MATTE)
    colour = (image[..., :3] * alpha + MATTE * (255 - alpha) + 127) // 255
    return cv2.cvtColor(colour.astype(np.uint8), cv2.COLOR_BGR2RGB)
