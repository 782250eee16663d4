"""The images with the lowest gate scores on one sheet, before and after."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refinezoo.files import atomic_path

_SIDE, _BAR, _GAP, _COLUMNS = 160, 22, 6, 4


def write_contact_sheet(path: Path, pairs: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> None:
    """Writes a PNG with one tile per pair, synthetic left and refined right, four in a row.

    Args:
        path: where to.
        pairs: caption, synthetic and refined image, uint8 `[H, W, 3]` of any sizes.
    """
    import cv2

    tiles = [_tile(*pair) for pair in pairs]
    columns = min(_COLUMNS, len(tiles))
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    with atomic_path(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", np.vstack(rows)[..., ::-1])[1].tobytes())


def _tile(caption: str, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    import cv2

    tile = np.full((_SIDE + _BAR + _GAP, 2 * _SIDE + 2 * _GAP, 3), 255, np.uint8)
    for left, image in ((0, before), (_SIDE, after)):
        height, width = image.shape[:2]
        scale = _SIDE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shape = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
        small = cv2.resize(image, size, interpolation=shape)
        tile[_BAR : _BAR + size[1], left : left + size[0]] = small
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(tile, caption[:52], (2, 15), font, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return tile
