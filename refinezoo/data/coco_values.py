"""What a cell of a COCO row may hold, as people write it: ids, sides, flags, boxes."""

import math
import re
from typing import Any

from refinezoo.data.boxes import FARTHEST
from refinezoo.errors import RefinezooError

Id = int | str
_TRUE, _FALSE = {"1", "true", "yes"}, {"", "0", "false", "no", "none", "null"}


class Meaningless(RefinezooError):  # noqa: N818
    """A row that cannot be read; says what was expected."""


def id_of(row: dict, key: str) -> Id:
    """An id as int where it is a whole number, however written; else the text itself."""
    value = row.get(key)
    if value is None:
        raise Meaningless(f"expected {key}, received it without {key}")
    return whole_or_text(value, key)


def whole_or_text(value: Any, key: str = "id") -> Id:
    """`7`, `7.0` and `"7"` are one id; `"img7"` is another.

    Raises:
        RefinezooError: neither a whole number nor text.
    """
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,18}\s*", value):
        return int(value)
    if isinstance(value, str) and value.strip():
        return value
    number = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(number, (int, float)) and not isinstance(number, bool):
        if math.isfinite(number) and number == int(number):
            return int(number)
    raise Meaningless(f"expected {key} to be a whole number or text, received {value!r:.60}")


def number_of(value: Any) -> float | None:
    """A finite number, also of text; None where there is none."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def side_of(row: dict, key: str) -> int | None:
    """Width or height in pixels; None where the file does not say."""
    value = row.get(key)
    if value in (None, 0, ""):  # exporters that do not know it write 0
        return None
    number = number_of(value)
    if number is None or number < 1 or number != int(number):
        raise Meaningless(f"expected {key} in pixels, received {value!r:.40}")
    return int(number)


def flag_of(row: dict, key: str) -> bool:
    """Whether a flag is set, however written."""
    value = row.get(key)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE | _FALSE:
            return word in _TRUE
    elif value is None or isinstance(value, (bool, int, float)):
        return bool(value)
    raise Meaningless(f"expected {key} to be 0 or 1, received {value!r:.40}")


def box_of(value: Any) -> list[float]:
    """Four finite numbers, xywh in pixels, of a list or of named sides."""
    if isinstance(value, dict):
        keys = ("x", "y", "width", "height") if "width" in value else ("x", "y", "w", "h")
        value = [value.get(key) for key in keys]
    numbers = [number_of(side) for side in value] if isinstance(value, (list, tuple)) else []
    if len(numbers) != 4 or not all(n is not None and abs(n) <= FARTHEST for n in numbers):
        raise Meaningless(f"expected bbox [x, y, width, height] in pixels, received {value!r:.80}")
    return [float(side) for side in numbers if side is not None]
