"""Whether lines of YOLO are poses or polygons, where data.yaml does not say so."""

from collections.abc import Iterable

import numpy as np


def look_like_poses(rows: Iterable[list[float]]) -> bool:
    """Whether lines of one length hold a box and points, or points with visibility, inside it.

    The corners of small polygons lie so too, but then the second pair of numbers is near the
    others, which the width and height of a box are not.
    """
    lines = [row for row in rows if len(row) > 5]
    if not lines or len({len(row) for row in lines}) > 1:
        return False
    values = np.array(lines)
    points, size = values[:, 4:], values.shape[1] - 4
    for step in (3, 2):
        if size % step:
            continue
        grid = points.reshape(len(points), -1, step)
        x, y, w, h = (values[:, k, None] for k in range(4))
        seen = (grid[..., :2] > 0).any(axis=-1)
        inside = (np.abs(grid[..., 0] - x) <= 0.55 * w) & (np.abs(grid[..., 1] - y) <= 0.55 * h)
        if step == 3 and not np.isin(grid[..., 2], (0, 1, 2)).all():
            continue
        if step == 2 and _like_polygons(values).mean() > 0.5:
            continue
        if inside[seen].mean() > 0.9 if seen.any() else False:
            return True
    return bool(size % 2)  # no polygon has an odd number of numbers


def _like_polygons(values: np.ndarray) -> np.ndarray:
    """bool [N], of numbers [N, 2 P]: the second point is near the others, all have an area."""
    points = values.reshape(len(values), -1, 2)
    others = np.delete(points, 1, axis=1)
    low, high = others.min(axis=1), others.max(axis=1)
    reach = (high - low).max(axis=1, keepdims=True)
    near = ((points[:, 1] >= low - reach) & (points[:, 1] <= high + reach)).all(axis=1)
    after = np.roll(points, -1, axis=1)
    area = np.abs((points[..., 0] * after[..., 1] - points[..., 1] * after[..., 0]).sum(axis=1)) / 2
    around = np.ptp(points, axis=1).prod(axis=1)
    return near & (area > 0.2 * around) & (around > 0)
