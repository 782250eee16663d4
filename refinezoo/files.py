"""Writes in full or not at all, and removes only what refinezoo itself made.

What is written is made in a hidden workshop beside its place and moved there by one rename. A lock
holds the workshop while its process lives; what a killed process left in one is cleared by the next
that writes there, or by `sweep`. Folders that may be replaced or deleted as a whole carry a stamp.
"""

import errno
import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from refinezoo.disk import megabytes, worded
from refinezoo.errors import RefinezooError
from refinezoo.paths import no_link
from refinezoo.workshop import (
    LOCK,
    NAME,
    STAMP,
    clear,
    hold,
    is_mark,
    leave,
    release,
    replace_folder,
    workshop,
)

_STAMPED = (
    "Made by refinezoo, which replaces or deletes this folder as a whole. "
    "Keep nothing of your own in it.\n"
)
ASSETS = Path(__file__).resolve().parent / "assets"  # images that come with the package


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path of the same name; renamed onto `path` on success, else deleted.

    Raises:
        RefinezooError: the disk is full, or `path` cannot be written.
    """
    path = Path(path)
    with worded(path), workshop(path) as place:
        yield place / path.name
        os.replace(place / path.name, path)


@contextmanager
def atomic_paths(
    folder: str | os.PathLike,
) -> Iterator[Callable[[Path], AbstractContextManager[Path]]]:
    """Yields what does as `atomic_path`, for many files below a folder, in one workshop.

    Making, locking and deleting a workshop takes longer than writing an image.
    """
    folder, number = Path(folder), itertools.count()

    @contextmanager
    def path_of(path: Path) -> Iterator[Path]:
        with worded(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = place / f"{next(number)}{path.suffix}"
            try:
                yield temporary
                os.replace(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    with workshop(folder / "files") as place:
        yield path_of


@contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a new folder, with our stamp; it takes the place of `path` on success.

    Raises:
        RefinezooError: `path` holds what refinezoo did not make, or cannot be written.
    """
    path = Path(os.path.realpath(path))
    _check_ours(path)
    with worded(path), workshop(path) as place:
        made = place / path.name
        made.mkdir()
        _stamp(made)
        yield made
        _check_ours(path)
        try:
            os.rename(made, path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            _check_ours(path)  # another process may have put it there meanwhile
            replace_folder(path, made, place)


@contextmanager
def scratch_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yields an empty folder beside `path`, for what the writing of it needs meanwhile.

    Unlike one in the system's temporary folder it needs no room on another disk, and the next run
    clears what a kill left.

    Raises:
        RefinezooError: the disk is full, or cannot be written.
    """
    path = Path(path)
    with worded(path), workshop(path) as place:
        yield place


def own_folder(path: str | os.PathLike) -> Path:
    """The folder, made and stamped unless it was; `remove_folder` may delete it later.

    Raises:
        RefinezooError: it holds what refinezoo did not make, or cannot be written.
    """
    path = Path(path)
    _check_ours(path)
    with worded(path):
        path.mkdir(parents=True, exist_ok=True)
        _stamp(path)
    return path


def remove_folder(path: str | os.PathLike) -> None:
    """Deletes a folder that carries our stamp; one that is not there is deleted already.

    Raises:
        RefinezooError: it holds what refinezoo did not make.
    """
    path = Path(path)
    _check_ours(path)
    if path.exists():
        with worded(path), workshop(path) as place:
            os.rename(path, place / path.name)


def sweep(folder: str | os.PathLike) -> int:
    """Clears what killed processes left in a folder and those below it; returns how many."""
    swept = 0
    for parent, names, _ in os.walk(os.fspath(folder)):
        for place in [Path(parent, name) for name in names if NAME.fullmatch(name)]:
            with suppress(OSError):  # being deleted by its owner, or not ours to delete
                if (lock := hold(place / STAMP)) is not None:
                    clear(place)
                    leave(place, lock)
                    swept += 1
    return swept


@contextmanager
def locked_folder(folder: str | os.PathLike, busy: str, *, part: str = "") -> Iterator[None]:
    """Holds a folder for this process and sweeps it; the lock ends with the process.

    Args:
        folder: made if need be.
        busy: what to say where another process holds it.
        part: holds only this part of it, beside processes that hold others.

    Raises:
        RefinezooError: another process holds it, or it cannot be written.
    """
    folder = Path(folder)
    made, own = not folder.exists(), folder / (f"{LOCK}-{part}" if part else LOCK)
    locks: dict[Path, int] = {}
    try:
        with worded(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for path in dict.fromkeys((folder / LOCK, own)):
                if (lock := _hold_a_moment(path, shared=path != own)) is None:
                    raise RefinezooError(busy)
                locks[path] = lock
            for left in [] if part else folder.glob(f"{LOCK}-*"):  # nobody holds one
                left.unlink()
        sweep(folder)
        yield
    finally:
        for path, lock in reversed(locks.items()):
            release(path, lock)
        if made and locks and not any(folder.iterdir()):  # a call that failed early leaves nothing
            folder.rmdir()


def _hold_a_moment(path: Path, *, shared: bool) -> int | None:
    """As `hold`; asks again for a shared lock, which a part that ends has alone for a moment."""
    for _ in range(20):
        if (lock := hold(path, shared=shared)) is not None or not shared:
            return lock
        time.sleep(0.05)
    return None


def small_file(path: str | os.PathLike, most: int) -> bytes:
    """The bytes of a file from outside.

    Raises:
        RefinezooError: it is a pipe or device, or has more than `most` bytes.
        OSError: it cannot be read.
    """
    path = Path(path)
    size = path.stat().st_size
    if not path.is_file():
        raise RefinezooError(f"expected a file, received {path}, which is none.")
    if size > most:
        raise RefinezooError(
            f"expected at most {megabytes(most)} of {path}, received {megabytes(size)}."
        )
    return path.read_bytes()


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes `value` as indented JSON, atomically."""
    with atomic_path(path) as temporary:
        text = json.dumps(value, indent=1, ensure_ascii=False)
        # Bytes of file names that are no UTF-8 become JSON's own escapes.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_filled(folder: Path) -> bool:
    """Whether a folder holds more than our stamp, locks and workshops."""
    return not all(is_mark(path.name) for path in folder.iterdir())


def _check_ours(path: Path) -> None:
    if os.path.lexists(path) and not path.is_dir():  # in this order: it may appear at any moment
        raise RefinezooError(f"expected a folder, received the file {str(path)!r}.")
    if path.is_dir() and is_filled(path) and not (path / STAMP).is_file():
        raise RefinezooError(
            f"expected a new folder, or one that refinezoo made, received {str(path)!r}, which "
            "holds other files; replacing it would delete them. Give another folder."
        )


def _stamp(folder: Path) -> None:
    no_link(folder / STAMP).write_text(_STAMPED, encoding="utf-8")
