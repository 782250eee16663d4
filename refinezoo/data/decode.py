"""Decodes any image file to the values it stores; what they mean is its reader's affair."""

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.pixel_values import values_of
from refinezoo.data.truncated import refuse_truncated
from refinezoo.errors import RefinezooError

# Pillow's name of a format and its suffixes. Only these decoders run: Pillow has others that start
# programs (PostScript), or that hold no photo.
SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "TGA": (".tga",),
    "JPEG2000": (".jp2",),
}
IMAGE_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
LOSSY = ("JPEG", "MPO", "WEBP", "JPEG2000")
_DECODERS = (*SUFFIXES, "GIF")  # JPEG's opens MPO, of drones and phones, too
PIXEL_LIMIT = 1 << 27  # 134 million, 0.4 GB as RGB
_BESIDE = 64 << 20  # bytes of a file that are no pixels: motion photos, profiles
_LIMIT_VARIABLE = "REFINEZOO_MAX_PIXELS"
_ORIENTATION = 0x0112
# EXIF orientation -> how the stored rows and columns become the upright image.
_TURNS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
_BACK = {6: 8, 8: 6}  # the turn that undoes one; the others undo themselves
_TIFF_SIZE = (256, 257)  # tags of the stored width and height


@dataclass(frozen=True)
class Header:
    """What an image file says of itself before its pixels are decoded.

    Attributes:
        format: as Pillow calls it, e.g. "JPEG".
        stored: width and height of the stored pixels.
        orientation: of EXIF, 1 to 8; 1 is upright.
    """

    format: str
    stored: tuple[int, int]
    orientation: int

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as a viewer shows the image."""
        return self.stored[::-1] if self.orientation >= 5 else self.stored

    def turns(self, size: tuple[int, int] | None) -> bool:
        """Whether a reader that expects `size` (width, height) sees the image turned upright.

        Annotations of another size than the upright one, but of that of the stored pixels, were
        made by a tool that ignores EXIF.
        """
        if self.orientation == 1:
            return False
        return size is None or size == self.upright or size != self.stored


@dataclass(frozen=True)
class Decoded:
    """The stored values of an image file.

    Attributes:
        values: [H, W], or [H, W, C] with 2 (grey and alpha), 3 (RGB) or 4 (RGBA) channels; bool,
            uint8, uint16, int32 or float32. Of a palette file the indices.
        palette: uint8 [K, 4], RGBA, of a palette file; else None.
        scale: what Pillow multiplied grey values of 2 or 4 bits by; else 1.
        header: of the file.
        turned: whether `values` were turned upright.
        conversions: what decoding changed, in words.
    """

    values: np.ndarray
    palette: np.ndarray | None
    scale: int
    header: Header
    turned: bool
    conversions: tuple[str, ...]


def read_header(path: str | os.PathLike) -> Header:
    """Format, size and orientation of an image file, without decoding its pixels.

    Raises:
        RefinezooError: no image, or more pixels than the limit.
    """
    path = Path(path)
    with _worded(path):
        _size(path)
        with open(path, "rb") as file, _opened(file) as image:
            return _header(path, image)


def decode(path: str | os.PathLike, *, size: tuple[int, int] | None = None) -> Decoded:
    """Decodes an image file.

    At most `PIXEL_LIMIT` pixels; the environment variable REFINEZOO_MAX_PIXELS sets another limit.

    Args:
        path: the file; its content decides the format, not its name.
        size: width and height that annotations give. The EXIF orientation is applied, unless the
            stored pixels have this size and the upright ones have not.

    Raises:
        RefinezooError: no file, no image, an animation, truncated, or over the limit.
    """
    path = Path(path)
    with _worded(path):
        data = file_bytes(path)
        if not data:
            raise RefinezooError(f"{path}: expected an image, received a file of zero bytes.")
        with _opened(io.BytesIO(data)) as image:
            header = _header(path, image)
            refuse_truncated(path, data)
            if header.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                raise RefinezooError(
                    f"{path}: expected one image, received an animation or several pages. "
                    "Save the image that you mean as a file of its own."
                )
            values, palette, scale, conversions = values_of(image, data)
    if header.format == "TIFF" and header.orientation != 1:  # its decoders turn what they read
        values = _TURNS[_BACK.get(header.orientation, header.orientation)](values)
    turned = header.turns(size)
    if turned:
        values = np.ascontiguousarray(_TURNS[header.orientation](values))
        conversions = ("EXIF orientation applied", *conversions)
    elif header.orientation != 1:
        values = np.ascontiguousarray(values)
        conversions = ("pixels as stored, which the annotations fit; not as EXIF", *conversions)
    return Decoded(values, palette, scale, header, turned, conversions)


def file_bytes(path: Path) -> bytes:
    """The bytes of a file of pixels, if they can be so many.

    Raises:
        RefinezooError: no file (a pipe, a device), or one larger than any image within the limit.
        OSError: it cannot be read.
    """
    size = _size(path)
    if size > (most := 8 * pixel_limit() + _BESIDE):  # four channels of 16 bits a pixel
        raise RefinezooError(
            f"{path}: expected a file of at most {most / 1e6:,.0f} MB, received "
            f"{size / 1e6:,.0f} MB. Scale it down, or allow more: {_LIMIT_VARIABLE}={size // 8}."
        )
    return path.read_bytes()


def _size(path: Path) -> int:
    """Bytes of a file, which is none of those that never end or answer (pipes, devices)."""
    size = path.stat().st_size
    if not path.is_file():
        raise RefinezooError(f"expected an image file, received {path}, which is no file.")
    return size


def pixel_limit() -> int:
    """The largest number of pixels that is decoded.

    Raises:
        RefinezooError: REFINEZOO_MAX_PIXELS is no number.
    """
    text = os.environ.get(_LIMIT_VARIABLE, "")
    if not text:
        return PIXEL_LIMIT
    if not text.isdigit() or not int(text):
        raise RefinezooError(f"{_LIMIT_VARIABLE}: expected a number of pixels, received {text!r}.")
    return int(text)


def _opened(file: Any) -> Any:
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None:  # ours is checked in words, before anything is decoded
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, pixel_limit())
    return Image.open(file, formats=_DECODERS)


def _header(path: Path, image: Any) -> Header:
    width, height = image.size
    if width * height > pixel_limit():
        raise RefinezooError(_too_large(path, f"{width} x {height}", width * height))
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a broken EXIF block says nothing; the image may be whole
        orientation = 1
    if image.format == "TIFF":  # Pillow says the upright size
        width, height = (image.tag_v2.get(tag) for tag in _TIFF_SIZE)
    return Header(image.format, (width, height), orientation if orientation in _TURNS else 1)


def _too_large(path: Path, received: str, needed: int) -> str:
    return (
        f"{path}: expected at most {pixel_limit():,} pixels, received {received}. Scale it down, "
        f"or allow more: {_LIMIT_VARIABLE}={needed}."
    )


class _worded:  # noqa: N801
    """Puts whatever a decoder raises on a broken file into words."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, Exception) or isinstance(error, RefinezooError):
            return
        if isinstance(error, OSError) and error.errno is not None:
            raise RefinezooError(
                f"expected an image file, received {self.path}: {error.strerror}."
            ) from None
        if "decompression bomb" in str(error) and (count := re.search(r"(\d+) pixels", str(error))):
            raise RefinezooError(_too_large(self.path, f"{int(count[1]):,}", int(count[1])))
        words = str(error) if "cannot identify" not in str(error) else "no decoder knows it"
        raise RefinezooError(
            f"{self.path}: expected an image ({', '.join(IMAGE_SUFFIXES)}), received bytes that "
            f"do not decode ({words}). Replace or delete the file."
        ) from None
