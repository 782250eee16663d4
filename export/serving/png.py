"""PNG bytes to and from RGB arrays, for requests and replies."""

import struct

import cv2
import numpy as np

from refinezoo.errors import RefinezooError

_MAGIC = b"\x89PNG\r\n\x1a\n"


def encode_png(image: np.ndarray) -> bytes:
    """PNG of uint8 `[H, W, 3]`, RGB."""
    return cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()


def decode_png(content: bytes, size: tuple[int, int], kind: str = "RGB") -> np.ndarray:
    """Pixels of a PNG that should be an answer; nothing is decoded before its header fits.

    Args:
        content: whatever a server sent.
        size: (height, width) it should have.
        kind: `"RGB"`, or `"8-bit grey"` or `"16-bit grey"`.

    Returns:
        uint8 `[H, W, 3]`, RGB; or uint8 or uint16 `[H, W]`.

    Raises:
        RefinezooError: no PNG, a broken one, or one of another size or kind.
    """
    expected = f"expected a PNG of {size[0]} x {size[1]} pixels (height x width), {kind}, received"
    if not isinstance(content, bytes) or len(content) < 33 or not content.startswith(_MAGIC):
        length = len(content) if isinstance(content, bytes) else 0
        raise RefinezooError(f"{expected} {length} bytes that are none.")
    width, height = struct.unpack(">II", content[16:24])
    if (height, width) != tuple(size):
        raise RefinezooError(f"{expected} one of {height} x {width}.")
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise RefinezooError(f"{expected} a broken one.")
    bits = f"{8 * pixels.itemsize}-bit"
    found = f"{bits} grey" if pixels.ndim == 2 else f"{bits} of {pixels.shape[2]} channels"
    if found != {"RGB": "8-bit of 3 channels"}.get(kind, kind):
        raise RefinezooError(f"{expected} {found}.")
    return pixels[..., ::-1] if pixels.ndim == 3 else pixels
