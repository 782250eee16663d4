"""Photos that an exported file is calibrated and measured with: given ones, or the packaged."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError


def packaged_photos(count: int = 3) -> list[Path]:
    """Real photos of the package, JPEG."""
    import refinezoo

    folder = Path(refinezoo.__file__).parent / "assets/real_test/images"
    return sorted(folder.glob("*.jpg"))[:count]


def real_frames(frames: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
    """`frames` checked, or the packaged real photos.

    Raises:
        RefinezooError: none, or one that is not uint8 RGB `[H, W, 3]`.
    """
    if frames is None:
        return [read_image(path) for path in packaged_photos(count=62)]
    checked = [np.asarray(frame) for frame in frames]
    if not checked:
        raise RefinezooError("expected at least one calibration frame, received none.")
    for index, frame in enumerate(checked):
        if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype != np.uint8 or not frame.size:
            raise RefinezooError(
                "expected calibration frames as uint8 RGB [H, W, 3], received "
                f"{frame.dtype} {list(frame.shape)} at index {index}."
            )
    return checked


def fitted(model: Any, frame: np.ndarray, size: Sequence[int | None]) -> np.ndarray:
    """A frame at the size a file is made for: as the model prepares it, else its middle."""
    if model.kind.own_size:
        return model.to_batch([frame])[0]
    import cv2

    height, width = size
    scale = max(height / frame.shape[0], width / frame.shape[1])
    if scale != 1:
        shape = (
            max(width, round(frame.shape[1] * scale)),
            max(height, round(frame.shape[0] * scale)),
        )
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        frame = cv2.resize(frame, shape, interpolation=method)
    top, left = (frame.shape[0] - height) // 2, (frame.shape[1] - width) // 2
    return np.ascontiguousarray(frame[top : top + height, left : left + width])
