"""What the disk refuses, in words: what could not be written, why, and the remedy."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refinezoo.errors import RefinezooError

_REMEDIES = {
    errno.ENOSPC: "Make room, or write to another disk; then run it again.",
    errno.EDQUOT: "Make room, or write to another disk; then run it again.",
    errno.EFBIG: "The disk, or a limit of this user (ulimit -f), takes no file of that size.",
    errno.EIO: "The disk fails; write to another one.",
    errno.EROFS: "Give a folder that can be written to.",
    errno.EACCES: "Give a folder that you may write to.",
    errno.EPERM: "Give a folder that you may write to.",
    errno.ENOTDIR: "A file is in the way; give another path.",
    errno.EISDIR: "A folder is in the way; remove it, or give another path.",
    errno.EEXIST: "A file is in the way; give another path.",
    errno.ENAMETOOLONG: "Give a shorter name.",
    errno.ELOOP: "A link is in the way; remove it.",
}


@contextmanager
def worded(path: Path) -> Iterator[None]:
    """Words what the file system refuses at `path`, also where a library has its own error for it.

    Raises:
        RefinezooError: what could not be written, why, and the remedy.
    """
    try:
        yield
    except RefinezooError:
        raise
    except Exception as error:
        number = getattr(error, "errno", None) or next(
            (number for number in _REMEDIES if os.strerror(number) in str(error)), 0
        )
        if (remedy := _REMEDIES.get(number)) is None:
            raise
        # Of two names, as of a copy, the second is the one that is written.
        name = getattr(error, "filename2", None) or getattr(error, "filename", None)
        where = f" ({name})" if name else ""
        raise RefinezooError(
            f"cannot write {str(path)!r}: {os.strerror(number)}{where}. {remedy}"
        ) from error


def check_room(folder: str | os.PathLike, needed: int, purpose: str) -> None:
    """Raises a RefinezooError unless the disk of `folder` has `needed` bytes free."""
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise RefinezooError(
            f"expected {megabytes(needed)} free for {purpose} in {str(folder)!r}, received "
            f"{megabytes(free)}. {_REMEDIES[errno.ENOSPC]}"
        )


def of_disk(error: Exception) -> bool:
    """Whether an error says that the disk takes nothing or no more, in whoever's words."""
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
    words = [*map(os.strerror, numbers), "iostream error"]  # the last is all that C++ says of it
    return any(each in str(error) for each in words)


def megabytes(count: int) -> str:
    """A number of bytes as a message says it."""
    return f"{count / 1e6:,.{0 if count >= 1e7 else 2}f} MB"
