"""Images as uint8 RGB: read whatever the file format, written atomically."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refinezoo.data.decode import IMAGE_SUFFIXES, SUFFIXES, decode
from refinezoo.data.image_size import height_and_width
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path

JPEG_QUALITY = 95
MATTE = 128  # what shows through transparent pixels
_KEEPS_ALPHA = ("PNG", "WEBP", "TIFF", "TGA")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageFile:
    """An image file as RGB.

    Attributes:
        rgb: uint8 [H, W, 3], 0 to 255.
        alpha: uint8 [H, W], 255 = opaque; None where the file has none.
        format: of the file, e.g. "PNG".
        conversions: what was done to get there, in words; empty for 8-bit RGB.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None
    format: str
    conversions: tuple[str, ...]

    def flattened(self) -> np.ndarray:
        """uint8 [H, W, 3]: transparent pixels laid over mid-grey (128).

        An alpha that is the same everywhere tells nothing (game engines save opaque frames with
        alpha 0): the colours are taken as they are.
        """
        if self.alpha is None or self.alpha.min() == self.alpha.max():
            return self.rgb
        alpha = self.alpha[..., None].astype(np.uint16)
        return ((self.rgb * alpha + MATTE * (255 - alpha) + 127) // 255).astype(np.uint8)


def read_image_file(path: str | os.PathLike, size: tuple[int, int] | None = None) -> ImageFile:
    """Reads an image as RGB and its transparency, whatever its format.

    Grey, palette and CMYK become RGB, 16-bit values are divided by 257, and the EXIF orientation
    is applied.

    Args:
        path: a file of `IMAGE_SUFFIXES`, or of such content.
        size: width and height that annotations give; see `refinezoo.data.decode.decode`.

    Raises:
        RefinezooError: missing, empty, truncated, no image, or values without a stated range
            (float, 32 bits).
    """
    found = decode(path, size=size)
    values, conversions = found.values, list(found.conversions)
    if found.palette is not None:
        values = found.palette[values]
        values = values if values[..., 3].min() < 255 else values[..., :3]
        conversions.append("palette to RGB")
    values = _eight_bit(Path(path), values, conversions)
    if values.ndim == 2 or values.shape[2] == 2:
        values = values[..., None] if values.ndim == 2 else values
        values = np.concatenate([values[..., :1]] * 3 + [values[..., 1:]], axis=2)
        conversions.append("grey to RGB")
    alpha = np.ascontiguousarray(values[..., 3]) if values.shape[2] == 4 else None
    return ImageFile(
        np.ascontiguousarray(values[..., :3]), alpha, found.header.format, tuple(conversions)
    )


def read_image(path: str | os.PathLike, size: tuple[int, int] | None = None) -> np.ndarray:
    """Reads an image as RGB: `read_image_file`, transparent pixels laid over mid-grey (128).

    Args:
        path: an image file, e.g. PNG, JPEG, BMP, WebP, TIFF, PNM or TGA.
        size: width and height that annotations give; see `refinezoo.data.decode.decode`.

    Returns:
        uint8 [H, W, 3], RGB, 0 to 255.

    Raises:
        RefinezooError: as `read_image_file`.
    """
    image = read_image_file(path, size)
    if image.alpha is not None and image.alpha.min() < 255:
        uniform = image.alpha.min() == image.alpha.max()
        words = "alpha is the same everywhere and left out" if uniform else "laid over grey"
        _log.info("%s: transparent pixels: %s", path, words)
    return image.flattened()


def read_sized(path: str | os.PathLike, image_size: Any) -> np.ndarray:
    """As `read_image`, scaled by area to height and width, or one side; None leaves it as it is."""
    image = read_image(path)
    if image_size is None:
        return image
    height, width = height_and_width(image_size)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def read_rgba(path: str | os.PathLike) -> np.ndarray:
    """Reads a cut-out with its transparency: uint8 [H, W, 4], RGBA, straight alpha.

    Raises:
        RefinezooError: the file is truncated, does not decode or has no alpha channel.
    """
    image = read_image_file(path)
    if image.alpha is None:
        raise RefinezooError(
            f"{path}: expected an RGBA cut-out (PNG with transparency), received an image "
            f"{list(image.rgb.shape)} without. "
            "Cut the object out of its background and save it as PNG with an alpha channel."
        )
    return np.dstack([image.rgb, image.alpha])


def write_image(path: str | os.PathLike, image: np.ndarray, quality: int = JPEG_QUALITY) -> Path:
    """Writes an image atomically; the suffix chooses the format.

    Args:
        path: the file, e.g. `.png` (lossless) or `.jpg`.
        image: uint8 [H, W, 3] RGB, [H, W, 4] RGBA or [H, W] grey.
        quality: of JPEG and WebP, 0 to 100.

    Returns:
        The path.

    Raises:
        RefinezooError: the array is no image or the suffix is unknown.
    """
    path = Path(path)
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise RefinezooError(
            f"expected an image uint8 [H, W, 3] or [H, W], received {image.dtype} "
            f"{list(image.shape)}. Convert with np.clip(image, 0, 255).astype('uint8')."
        )
    if not format_of(path.suffix):
        raise RefinezooError(
            f"{path}: expected one of the suffixes {', '.join(IMAGE_SUFFIXES)}, "
            f"received {path.suffix!r}."
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(encode_image(image, path.suffix, quality))
    return path


def format_of(suffix: str) -> str:
    """The format that a suffix names, as Pillow calls it; an empty text for any other suffix."""
    return next((name for name, known in SUFFIXES.items() if suffix.lower() in known), "")


def check_writable(suffix: str) -> str:
    """The format of a suffix, or a format's own name, as Pillow calls it.

    Raises:
        RefinezooError: it cannot be written.
    """
    name = format_of(suffix) or {"MPO": "JPEG"}.get(suffix, suffix)
    if name not in SUFFIXES:
        raise RefinezooError(
            f"expected an image format that can be written ({', '.join(IMAGE_SUFFIXES)}), "
            f"received {suffix!r}. Convert these images to PNG or JPEG."
        )
    return name


def encode_image(image: np.ndarray, suffix: str = ".png", quality: int = JPEG_QUALITY) -> bytes:
    """The bytes of an image file.

    Args:
        image: uint8 [H, W, 3] RGB, [H, W, 4] RGBA or [H, W] grey; alpha is left out where the
            format has none.
        suffix: what decides the format; or a format as Pillow calls it.
        quality: of JPEG and WebP.

    Raises:
        RefinezooError: a format that cannot be written, or an image too large for it.
    """
    name = check_writable(suffix)
    if image.ndim == 3 and image.shape[2] == 4 and name not in _KEEPS_ALPHA:
        image = image[..., :3]
    try:
        return _encoded(np.ascontiguousarray(image), name, quality)
    except (OSError, ValueError, cv2.error) as error:
        raise RefinezooError(
            f"an image of {list(image.shape)} could not be written as {name}: {error}."
        ) from None


def _encoded(image: np.ndarray, name: str, quality: int) -> bytes:
    if name in ("PPM", "TGA", "JPEG2000"):  # OpenCV writes them in part or not at all
        import io

        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(image).save(file, format=name)
        return file.getvalue()
    if image.ndim == 3:
        code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        image = cv2.cvtColor(image, code)
    options = {
        "PNG": [cv2.IMWRITE_PNG_COMPRESSION, 1],
        "WEBP": [cv2.IMWRITE_WEBP_QUALITY, quality],
        "JPEG": [cv2.IMWRITE_JPEG_QUALITY, quality],
    }.get(name, [])
    done, content = cv2.imencode(SUFFIXES[name][0], image, options)
    if not done:
        raise ValueError("OpenCV refuses it")
    return content.tobytes()


def _eight_bit(path: Path, values: np.ndarray, conversions: list[str]) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        conversions.append("16-bit to 8-bit")
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    raise RefinezooError(
        f"{path}: expected 8 or 16 bits per channel, received {values.dtype}. "
        "Save it as an 8-bit image (a float or 32-bit image has no stated range)."
    )
