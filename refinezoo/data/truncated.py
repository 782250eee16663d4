"""Files cut short, which a decoder would fill with grey."""

import re
from pathlib import Path

from refinezoo.errors import RefinezooError

# What ends a JPEG's segment of compressed data: no stuffed zero, restart, fill byte.
_JPEG_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")


def refuse_truncated(path: Path, data: bytes) -> None:
    """A training set must not contain what a decoder fills a cut file with."""
    whole = True
    if data[:2] == b"\xff\xd8":
        whole = _jpeg_ends(data)
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        whole = b"IEND" in data
    elif data[:4] == b"RIFF":
        whole = len(data) >= 8 + int.from_bytes(data[4:8], "little")
    if not whole:
        raise RefinezooError(
            f"{path}: expected a whole image, received a truncated file ({len(data)} bytes "
            "without the end marker). Copy it again or delete it."
        )


def _jpeg_ends(data: bytes) -> bool:
    """Whether a JPEG reaches its end marker; phones append megabytes (motion photos) to it.

    Segments are skipped by their length, since the preview in EXIF has an end marker of its own.
    """
    place = 2
    while marker := _JPEG_MARKER.search(data, place):
        if marker[1] == b"\xd9":
            return True
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return False
