"""`image_size`: one side of squares, or (height, width), pixels."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator

from refinezoo.errors import RefinezooError

ImageSize = int | Sequence[int]


def height_and_width(image_size: Any, *, multiple: int = 1) -> tuple[int, int]:
    """(height, width) of an `image_size`.

    Args:
        image_size: one side, or (height, width).
        multiple: what both must be multiples of.

    Raises:
        RefinezooError: anything else.
    """
    is_pair = isinstance(image_size, list | tuple)
    sides = list(image_size) if is_pair else [image_size, image_size]
    try:
        whole = [int(side) for side in sides if not isinstance(side, bool)]
    except (TypeError, ValueError, OverflowError):
        whole = []
    if len(whole) != 2 or whole != sides or min(whole) < 1:
        raise RefinezooError(
            "expected image_size as one side of squares or as (height, width), whole pixels of 1 "
            f"or more, received {image_size!r}."
        )
    height, width = whole
    if height % multiple or width % multiple:
        near = [max(1, round(side / multiple)) * multiple for side in whole]
        raise RefinezooError(
            f"expected image_size as a multiple of {multiple} pixels, received {image_size!r}. "
            f"Take {tuple(near) if is_pair else near[0]}."
        )
    return height, width


def largest_window(height: int, width: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the largest window of an image that has the proportions of `shape`."""
    if height * shape[1] <= width * shape[0]:
        return height, max(1, round(height * shape[1] / shape[0]))
    return max(1, round(width * shape[0] / shape[1])), width


def side_of_square(image_size: Any, owner: str) -> int:
    """The side of an `image_size`, for `owner`, which sees squares alone.

    Raises:
        RefinezooError: no size, or one whose height and width differ.
    """
    height, width = height_and_width(image_size)
    if height != width:
        raise RefinezooError(
            f"expected image_size as one side, since {owner} sees squares alone, received "
            f"{height} x {width} (height x width). Take {max(height, width)}."
        )
    return height


def _of_config(value: Any) -> int | list[int]:
    """An `image_size` as a file says it: a side stays a side, a pair a pair."""
    try:
        height, width = height_and_width(value)
    except RefinezooError:
        raise ValueError(
            "expected one side of squares or [height, width], whole pixels of 1 or more"
        ) from None
    return [height, width] if isinstance(value, list | tuple) else height


ImageSizeField = Annotated[int | list[int], BeforeValidator(_of_config)]
