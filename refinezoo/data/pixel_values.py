"""What Pillow's modes hold: 1 to 16 bits, palettes, transparency, as arrays of what is stored."""

from typing import Any

import cv2
import numpy as np


def values_of(
    image: Any, data: bytes
) -> tuple[np.ndarray, np.ndarray | None, int, tuple[str, ...]]:
    """The values of an open image, its palette, what grey was multiplied by, conversions."""
    mode, bits = image.mode, _bits(image, data)
    if bits == 16 and mode in ("RGB", "RGBA", "LA"):  # Pillow would keep the upper eight
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None or pixels.dtype != np.uint16:
            raise ValueError("its 16-bit colours do not decode")
        if pixels.ndim == 3:
            order = [2, 1, 0, 3][: pixels.shape[2]]
            pixels = pixels[..., order]
        return np.ascontiguousarray(pixels), None, 1, ()
    if mode == "P":
        image.load()
        return np.array(image), _palette(image), 1, ()
    if "transparency" in image.info and mode in ("L", "RGB", "1"):
        return np.array(image.convert("RGBA")), None, 1, ()
    if mode in ("1", "L", "LA", "RGB", "RGBA"):
        return np.array(image), None, {2: 85, 4: 17}.get(bits, 1) if mode == "L" else 1, ()
    if mode.startswith("I;16"):
        return np.array(image).astype(np.uint16), None, 1, ()
    if mode in ("I", "F"):
        deep = np.array(image)
        # Pillow opens PNM of more than 8 bits as int32.
        return (deep.astype(np.uint16) if image.format == "PPM" else deep), None, 1, ()
    if mode in ("PA", "La", "RGBa"):
        return np.array(image.convert("RGBA")), None, 1, ()
    return np.array(image.convert("RGB")), None, 1, (f"{mode} to RGB",)


def _palette(image: Any) -> np.ndarray:
    """The colours of a palette file: uint8 [256, 4]; entries that it lacks are black."""
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 3] = 255
    known = np.array(image.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    colours[: len(known)] = known
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        colours[transparent, 3] = 0
    elif isinstance(transparent, bytes):
        colours[: len(transparent), 3] = np.frombuffer(transparent, np.uint8)
    return colours


def _bits(image: Any, data: bytes) -> int:
    """Bits per channel where Pillow's mode hides them; 0 where it does not matter."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (0,)))
    return 0
