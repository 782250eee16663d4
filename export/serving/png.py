"""PNG bytes to and from RGB arrays, for requests and replies."""

import cv2
import numpy as np


def encode_png(image: np.ndarray) -> bytes:
    """PNG of uint8 `[H, W, 3]`, RGB."""
    return cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()


def decode_png(content: bytes) -> np.ndarray:
    """Pixels of a PNG as they are stored: RGB `[H, W, 3]`, or `[H, W]` of 8 or 16 bits."""
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return pixels if pixels.ndim == 2 else pixels[..., ::-1]
