"""Reads a render whatever its pixel format, and writes it back in its own file format."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refinezoo.errors import RefinezooError

JPEG_QUALITY = 95
_KEEPS_ALPHA = frozenset({".png", ".webp", ".tif", ".tiff"})
_UPRIGHT = (None, 1)


@dataclass(frozen=True)
class Render:
    """A decoded render.

    Attributes:
        rgb: uint8 `[H, W, 3]`.
        alpha: uint8 `[H, W]`, or None; carried over unchanged.
        conversions: what was done to get there, in words; empty for 8-bit RGB.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None
    conversions: tuple[str, ...]


def read_render(path: Path) -> Render:
    """Decodes an image: grey, palette and CMYK become RGB, 16 bits become 8, alpha is set aside.

    Raises:
        RefinezooError: the file is empty, truncated, no image, or has several frames.
    """
    from PIL import Image, ImageOps

    conversions = []
    try:
        image: Image.Image
        with Image.open(path) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise RefinezooError(f"expected one picture in {path}, received an animation.")
            image.load()
            if image.getexif().get(0x0112) not in _UPRIGHT:
                image = ImageOps.exif_transpose(image)
                conversions.append("EXIF orientation applied")
            mode = image.mode
            if mode.startswith("I"):
                deep = np.asarray(image).astype(np.float64)
                image = Image.fromarray(np.clip(np.rint(deep / 257.0), 0, 255).astype(np.uint8))
                conversions += ["16-bit to 8-bit", "grey to RGB"]
            elif mode in ("L", "1", "LA"):
                conversions.append("grey to RGB")
            elif mode in ("P", "PA"):
                conversions.append("palette to RGB")
            elif mode not in ("RGB", "RGBA"):
                conversions.append(f"{mode} to RGB")
            if _png_bits(path) == 16 and "16-bit to 8-bit" not in conversions:
                conversions.append("16-bit to 8-bit")
            has_alpha = mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            alpha = np.asarray(image.convert("RGBA"))[..., 3].copy() if has_alpha else None
            rgb = np.asarray(image.convert("RGB")).copy()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, RefinezooError):
            raise
        raise RefinezooError(f"{path} cannot be read as an image: {error}") from None
    if alpha is not None:
        conversions.append("alpha carried unchanged")
    return Render(rgb, alpha, tuple(conversions))


def encode(rgb: np.ndarray, alpha: np.ndarray | None, suffix: str) -> bytes:
    """The bytes of an image file of the format that `suffix` names; JPEG and WebP at quality 95."""
    import cv2

    suffix = suffix.lower()
    pixels = rgb[..., ::-1]
    if alpha is not None and suffix in _KEEPS_ALPHA:
        pixels = np.dstack([pixels, alpha])
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, JPEG_QUALITY],
    }.get(suffix, [])
    done, encoded = cv2.imencode(suffix, np.ascontiguousarray(pixels), options)
    if not done:
        raise RefinezooError(f"an image of {rgb.shape} could not be written as {suffix}.")
    return encoded.tobytes()


def _png_bits(path: Path) -> int:
    with open(path, "rb") as file:
        header = file.read(25)
    return header[24] if len(header) == 25 and header.startswith(b"\x89PNG") else 0
