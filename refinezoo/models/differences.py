"""How far two predictions are apart."""

from typing import Any

import numpy as np


def psnr(wanted: Any, given: Any) -> float:
    """Peak signal-to-noise ratio over all pixels of uint8 images, dB; infinite when equal."""
    squares = [
        np.square(np.asarray(a, np.float64) - b).ravel() for a, b in zip(wanted, given, strict=True)
    ]
    mean = float(np.concatenate(squares).mean())
    return float("inf") if mean == 0 else 10 * float(np.log10(255**2 / mean))


def relative_change(wanted: np.ndarray, given: np.ndarray) -> float:
    """Mean of |given - wanted| / wanted over positive values, such as metres."""
    return float(np.mean(np.abs(given - wanted) / np.maximum(wanted, 1e-3)))
