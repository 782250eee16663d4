"""Which image of a tree a COCO row names, however its exporter wrote the path."""

import itertools
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from refinezoo.data.tree import RENDER_FOLDERS
from refinezoo.errors import RefinezooError

_FOLDERS = ("", "images", "data", *sorted(RENDER_FOLDERS - {"images"}))
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]+://")
_LOOKED_AT = 200
_WHOLE = re.compile(r"([A-Za-z]:)?/|[A-Za-z][\w+.-]+://")


def image_folders(document: str) -> list[str]:
    """Where the images of a COCO file may lie, nearest first; POSIX, below the dataset's root.

    Also `images/`, `data/` and the like, and folders named after the file: `train2017/` of
    `instances_train2017.json`.
    """
    path = PurePosixPath(document)
    splits = [part for part in re.split(r"[_.]", path.stem) if part]
    folders = []
    for parent in dict.fromkeys((path.parent, path.parent.parent, PurePosixPath("."))):
        for middle in _FOLDERS:
            base = parent / middle
            folders += [base, *(base / split for split in splits)]
    return [folder.as_posix() for folder in dict.fromkeys(folders)]


def locate(
    file_name: str, folders: Sequence[str], find: Callable[[str], str | None], root: Path
) -> str | None:
    """The image that a COCO row names, as a POSIX path below the root; None where there is none.

    Args:
        file_name: as written, with either slash, absolute or not, an address, percent-encoded.
        folders: where it may lie, nearest first.
        find: the file of a path below the root, if it is there.
        root: the dataset's folder.

    Raises:
        RefinezooError: the name leads out of the root.
    """
    name = file_name.strip().replace("\\", "/")
    found, outside = _found(name, folders, find, root)
    if found is None and _ADDRESS.match(name):  # signed addresses of object stores
        name = re.sub(r"[?#].*", "", name)
        found, _ = _found(name, folders, find, root)
    if found is None and "%" in name:
        found, _ = _found(unquote(name), folders, find, root)
    if found is None and outside:
        raise RefinezooError(
            f"names {file_name!r}, which is outside the dataset {str(root)!r}. Expected paths "
            "below it."
        )
    return found


def doubtful_names(
    names: Iterable[str], folders: Sequence[str], find: Callable[[str], str | None]
) -> str:
    """Says, of the first names, whether files in several folders are called so; empty if not."""
    for name in itertools.islice(names, _LOOKED_AT):
        tail = name.strip().replace("\\", "/").removeprefix("./")
        if _WHOLE.match(tail) or ".." in PurePosixPath(tail).parts:
            continue
        paths = [os.path.normpath(os.path.join(folder, tail)) for folder in folders]
        if (fits := list(dict.fromkeys(filter(None, map(find, paths)))))[1:]:
            return f"{name} may be {' or '.join(fits[:3])}: {fits[0]} is taken"
    return ""


def _found(
    name: str, folders: Sequence[str], find: Callable[[str], str | None], root: Path
) -> tuple[str | None, bool]:
    """The image of a name, and whether the name leads out of the root."""
    whole = _WHOLE.match(name)
    if whole:
        try:
            return find(Path(name).relative_to(root.resolve()).as_posix()), False
        except ValueError:
            # Written on another machine: what of the path exists here.
            parts = [part for part in PurePosixPath(name[whole.end() :]).parts if part != "/"]
            tails = ["/".join(parts[place:]) for place in range(len(parts)) if ".." not in parts]
    else:
        first, _, rest = name.removeprefix("./").partition("/")
        tails = [name, rest] if first.lower() == root.name.lower() and rest else [name]
    outside = bool(whole) and not name.lower().startswith(("http://", "https://"))
    for tail in tails:
        up = ".." in PurePosixPath(tail).parts
        for folder in folders[:1] if up else folders:  # from the file's own folder alone
            path = os.path.normpath(os.path.join(folder, tail)).replace(os.sep, "/")
            outside = outside or path.startswith("..")
            if found := find(path):
                return found, outside
    return None, outside
