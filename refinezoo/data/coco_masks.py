"""The boxes of COCO's polygons and run-length masks, which may be anyone's: nothing is allocated.

A run-length mask counts pixels down its columns, background first. Its compressed form writes each
count as the difference to the one before the last, five bits a character, the lowest first.
Reference: https://github.com/cocodataset/cocoapi (common/maskApi.c)
"""

import math
from collections.abc import Sequence
from typing import Any


def mask_bounds(segmentation: Any) -> list[float] | None:
    """[x, y, width, height] around polygons or a run-length mask; None where there is nothing.

    Raises:
        ValueError: a run-length mask that is none; says why.
    """
    if isinstance(segmentation, dict) and segmentation:
        return _of_runs(_runs(segmentation.get("counts")), *mask_size(segmentation))
    polygons = segmentation if isinstance(segmentation, list) else []
    if polygons and not any(isinstance(part, list) for part in polygons):
        polygons = [polygons]  # one polygon, not in a list of its own
    values = [value for part in polygons if isinstance(part, list) for value in part]
    if any(len(part) % 2 for part in polygons if isinstance(part, list)) or len(values) < 6:
        return None
    try:
        points = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        return None
    if not all(map(math.isfinite, points)):
        return None
    xs, ys = points[::2], points[1::2]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def mask_size(mask: dict[str, Any]) -> tuple[int, int]:
    """Height and width of a run-length mask.

    Raises:
        ValueError: it states none.
    """
    size = mask.get("size")
    if isinstance(size, (list, tuple)) and len(size) == 2 and all(map(_whole, size)):
        return int(size[0]), int(size[1])
    raise ValueError(f"its size is {size!r:.40}")


def _runs(counts: Any) -> list[int]:
    if isinstance(counts, list) and all(map(_whole, counts)):
        return list(map(int, counts))
    if not isinstance(counts, (str, bytes)):
        raise ValueError(f"its counts are {counts!r:.40}")
    text = counts.encode("utf-8", "replace") if isinstance(counts, str) else counts
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = character - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("its counts are no run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("its counts end within a number")
    return runs


def _of_runs(runs: Sequence[int], height: int, width: int) -> list[float] | None:
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise ValueError(f"its counts do not fill {width} x {height} pixels")
    place, xs, ys = 0, [], []
    for number, run in enumerate(runs):
        if number % 2 and run:
            first, last = divmod(place, height), divmod(place + run - 1, height)
            xs += [first[0], last[0]]
            ys += [first[1], last[1]] if first[0] == last[0] else [0, height - 1]
        place += run
    if not xs:
        return None
    x, y = min(xs), min(ys)
    return [float(side) for side in (x, y, max(xs) + 1 - x, max(ys) + 1 - y)]


def _whole(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and value == int(value) >= 0
