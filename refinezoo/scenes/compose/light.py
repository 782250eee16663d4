"""Flat light: mild brightness, contrast and vignette, no attempt at a real camera's colours."""

import numpy as np


def light(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Brightness 0.88 to 1.12, contrast 0.9 to 1.1, corners darkened by at most 20 %.

    Args:
        rng: the scene's random numbers.
        image: uint8 [H, W, 3].

    Returns:
        uint8 [H, W, 3].
    """
    brightness, contrast = rng.uniform(0.88, 1.12), rng.uniform(0.9, 1.1)
    vignette = rng.uniform(0, 0.2)
    height, width = image.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    gain = brightness * (1 - vignette * (x * x + y * y) / 2)
    lit = ((image - np.float32(128)) * contrast + 128) * gain[..., None]
    return np.clip(lit + 0.5, 0, 255).astype(np.uint8)
