"""Where `refinezoo.files` makes what it writes: a hidden folder beside the place, with a lock."""

import ctypes
import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STAMP = ".refinezoo"  # marks what refinezoo made; in a workshop the file that is locked
LOCK = ".lock"
REPLACED = ".refinezoo.old"  # in a workshop: a folder on its way out
PREFIX = ".refinezoo-"
NAME = re.compile(re.escape(PREFIX) + r"[0-9a-f]{12}-\d+")


def is_mark(name: str) -> bool:
    """Whether a folder that holds a file of this name may still count as empty."""
    return name in (STAMP, LOCK) or name.startswith(f"{LOCK}-") or bool(NAME.fullmatch(name))


@contextmanager
def workshop(path: Path) -> Iterator[Path]:
    """A hidden folder beside `path`, held until it is deleted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place, lock = _claim(path)
    try:
        clear(place)
        yield place
    finally:
        leave(place, lock)


def _claim(path: Path) -> tuple[Path, int]:
    """The first of the workshops of `path` that nobody holds, and the lock on it."""
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]
    number = 0
    while True:
        place = path.with_name(f"{PREFIX}{digest}-{number}")
        place.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # its owner deleted it meanwhile
            if (lock := hold(place / STAMP)) is not None:
                return place, lock
        number += 1


def clear(place: Path) -> None:
    """Empties a workshop; a folder whose replacement was cut off between two renames goes back."""
    for old in (place / REPLACED).glob("*"):
        if not os.path.lexists(place.parent / old.name):
            os.replace(old, place.parent / old.name)
    for left in place.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        elif left.name != STAMP:
            left.unlink()


def leave(place: Path, lock: int) -> None:
    """Deletes a workshop and lets go of it."""
    shutil.rmtree(place, ignore_errors=True)
    os.close(lock)


def hold(path: Path, *, shared: bool = False) -> int | None:
    """A lock on a file, made if need be, as a descriptor; None if another process has it.

    A shared one can be had beside other shared ones.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError as error:  # some file systems know no locks
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                os.close(lock)
                raise
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), os.stat(path)):
                return lock
        os.close(lock)  # its last owner deleted it between our two calls


def release(path: Path, lock: int) -> None:
    """Lets go of a file that `hold` locked, and deletes it unless others share it."""
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    os.close(lock)


def replace_folder(path: Path, made: Path, place: Path) -> None:
    """Puts a folder where another is, which goes to the workshop `place`; a kill loses neither."""
    if not exchanged(made, path):
        (place / REPLACED).mkdir()
        os.rename(path, place / REPLACED / path.name)
        os.rename(made, path)


def exchanged(first: Path, second: Path) -> bool:
    """Swaps two folders in one step; False where the system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of linux/fs.h
    if renameat2(here, os.fsencode(first), here, os.fsencode(second), exchange) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(second))
