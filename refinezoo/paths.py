"""What paths and names from outside may be: inside their root, no links, plain, apart."""

import os
import re
from pathlib import Path

from refinezoo.errors import RefinezooError


def check_apart(source: str | os.PathLike, out: str | os.PathLike) -> None:
    """Refuses an output folder that is the source, in it, or around it."""
    a, b = Path(source).resolve(), Path(out).resolve()
    if a == b or a in b.parents or b in a.parents:
        raise RefinezooError(
            f"expected an output folder apart from the dataset, received source {str(a)!r} and "
            f"out {str(b)!r}. What is read is never overwritten; name another folder."
        )


def contained(name: str | os.PathLike, root: str | os.PathLike) -> Path:
    """`root / name` for a name that came from a file: it stays in `root`, links resolved.

    Raises:
        RefinezooError: it leads out of `root`.
    """
    path, base = Path(root, name), os.path.realpath(root)
    odd = os.path.isabs(name) or "\0" in str(name)
    try:
        odd = odd or max(map(len, os.fsencode(name).split(b"/"))) > 255  # no file is called that
    except UnicodeEncodeError:  # half of a character
        odd = True
    if odd or not os.path.realpath(path).startswith(base.rstrip("/") + "/"):
        raise RefinezooError(
            f"expected a path inside {str(root)!r}, received {str(name)[:200]!r}, which leads "
            "out of it. Correct the file that names it, or put files themselves where links are."
        )
    return path


def no_link(path: str | os.PathLike) -> Path:
    """`path`, for a file that is written in place rather than replaced.

    Raises:
        RefinezooError: a link lies there: what is written would go wherever it leads.
    """
    path = Path(path)
    if path.is_symlink():
        raise RefinezooError(
            f"expected a file of an earlier run or none, received a link at {str(path)!r}. "
            "Remove it, or give another folder."
        )
    return path


def plain_name(text: str, what: str) -> str:
    """`text`, if it can name a file or folder and nothing else.

    Raises:
        RefinezooError: it is empty, a path, or holds characters that names should not.
    """
    if len(text) > 60 or not re.fullmatch(r"\w(?:[\w .+=-]*[\w+])?", text):
        raise RefinezooError(
            f"{what}: expected a plain name (letters, digits, and _ - + = . within it), received "
            f"{text[:100]!r}."
        )
    return text
