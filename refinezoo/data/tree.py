"""The files of a dataset tree, found the same way by every verb."""

import glob
import itertools
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from refinezoo.data.decode import IMAGE_SUFFIXES
from refinezoo.errors import RefinezooError
from refinezoo.renames import old_name_used
from refinezoo.workshop import is_mark

LABEL_SUFFIXES = tuple(".json .xml .txt .csv .yaml .yml .npy .npz .exr .pfm .gif".split())
ARCHIVES = tuple(".zip .tar .tgz .gz .bz2 .xz .zst .7z .rar".split())
UNREAD = tuple(".gif .heic .heif .avif .jxl .psd .hdr .svg .dng .cr2 .nef .arw".split())
RENDER_FOLDERS = frozenset(  # whose files are images
    "images image jpegimages rgb renders render imgs img color colour frames".split()
)
_LEFT_BEHIND = ("__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "@eadir", "lost+found")


@dataclass(frozen=True)
class Tree:
    """A dataset's files.

    Attributes:
        root: the folder.
        files: POSIX paths below it, sorted; without hidden files and what systems leave behind.
        folders: POSIX paths of its folders, empty ones too.
        notes: links that were followed or not, files left out; in words.
    """

    root: Path
    files: list[str]
    folders: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def names(self) -> frozenset[str]:
        """`files`, to look one up."""
        return frozenset(self.files)

    @cached_property
    def images(self) -> list[str]:
        """The files with an image's suffix."""
        return [name for name in self.files if is_image(name)]

    @property
    def pictures(self) -> list[str]:
        """The old name of `images`."""
        old_name_used("Tree.pictures", "images")
        return self.images

    @cached_property
    def folder_names(self) -> frozenset[str]:
        """The names of all folders, in small letters."""
        return frozenset(folder.rsplit("/", 1)[-1].lower() for folder in self.folders)

    @cached_property
    def _folded(self) -> dict[str, list[str]]:
        return _grouped(self.files, _fold)

    @cached_property
    def _stems(self) -> dict[str, list[str]]:
        return _grouped(self.files, lambda name: _fold(os.path.splitext(name)[0]))

    def find(self, name: str) -> str | None:
        """The file of that path; failing that, one that differs in case or Unicode form only."""
        if name in self.names:
            return name
        alike = self._folded.get(_fold(name), ())
        return alike[0] if len(alike) == 1 else None

    def with_stem(self, path: str, suffixes: Sequence[str]) -> str | None:
        """The file at `path` plus one of the suffixes, in their order.

        Case and Unicode form do not matter where only one file is called so.
        """
        if not (found := self._stems.get(_fold(path))):
            return None
        exact = [name for name in found if os.path.splitext(name)[0] == path]
        for names, suffix in itertools.product((exact, found), suffixes):
            alike = [name for name in names if name.lower().endswith(suffix)]
            if len(alike) == 1 or (alike and names is exact):
                return alike[0]
        return None


def read_tree(root: str | os.PathLike) -> Tree:
    """Lists a dataset.

    Linked folders and files are followed wherever they lead (datasets lie on other disks), each
    folder once. Through a link that leaves the root only images and label files are seen, so
    that no stray link carries foreign files along.

    Raises:
        RefinezooError: no such folder, or one that cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        refuse_archive(root)
        raise RefinezooError(
            f"expected a dataset folder, received {str(root)!r}, which is no folder."
        )
    files: list[str] = []
    folders: list[str] = []
    left_out: dict[str, list[str]] = {}
    inside = os.path.realpath(root)

    def visit(folder: str, real: str, above: frozenset[str]) -> None:
        abroad = not _within(real, inside)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise RefinezooError(f"cannot list {folder!r}: {error.strerror}.") from None
        for entry in entries:
            name = PurePosixPath(os.path.relpath(entry.path, root)).as_posix()
            if is_mark(entry.name):
                continue
            if entry.name.startswith(".") or entry.name.lower() in _LEFT_BEHIND:
                left_out.setdefault("hidden files and folders are left out", []).append(name)
                continue
            target = os.path.realpath(entry.path) if entry.is_symlink() else None
            if target and not os.path.exists(entry.path):
                left_out.setdefault("names lead to no file: left out", []).append(name)
                continue
            if target and not _within(target, inside) and entry.is_dir():
                left_out.setdefault("folders are links out of the dataset: followed", []).append(
                    f"{name} -> {target}"
                )
            if entry.is_dir():
                below = target or os.path.join(real, entry.name)
                if below in above:
                    left_out.setdefault("links lead back up: not followed", []).append(name)
                    continue
                folders.append(name)
                visit(entry.path, below, above | {below})
            elif not entry.is_file():
                left_out.setdefault("names lead to no file: left out", []).append(name)
            elif (abroad or (target and not _within(target, inside))) and not _is_data(name):
                left_out.setdefault(
                    "files out of the dataset are neither images nor labels: left out", []
                ).append(name)
            else:
                files.append(name)

    visit(str(root), inside, frozenset({inside}))
    notes = [
        f"{len(names)} {words} ({', '.join(names[:3])}{', ...' if names[3:] else ''})"
        for words, names in left_out.items()
    ]
    return Tree(root, sorted(files), sorted(folders), notes)


def refuse_archive(path: str | os.PathLike) -> None:
    """Raises where a dataset was expected and a file is named as an archive is.

    Raises:
        RefinezooError: it is one.
    """
    if os.fspath(path).lower().endswith(ARCHIVES):
        raise RefinezooError(
            f"expected a dataset, received the archive {os.fspath(path)!r}. Unpack it, and give "
            "the folder."
        )


def images_in(folder: str | os.PathLike) -> list[Path]:
    """The images directly in a folder, sorted by name, whatever they show.

    Raises:
        RefinezooError: the folder is missing or holds no image.
    """
    tree = read_tree(folder)
    if not (names := [name for name in tree.images if "/" not in name]):
        raise RefinezooError(
            f"expected images ({', '.join(IMAGE_SUFFIXES)}) in {folder}, received none."
        )
    return [tree.root / name for name in names]


def matching(pattern: str, root: str | os.PathLike = ".") -> list[Path]:
    """The images that match a pattern below `root`, sorted; `**` is any number of folders.

    Raises:
        RefinezooError: none does.
    """
    names = glob.glob(pattern, root_dir=root, recursive=True)
    paths = sorted(
        Path(root, name) for name in names if is_image(name) and Path(root, name).is_file()
    )
    if not paths:
        raise RefinezooError(
            f"expected images ({', '.join(IMAGE_SUFFIXES)}) that match {pattern!r}, received "
            "none. Correct the pattern; **/ stands for any number of folders."
        )
    return paths


def is_image(name: str) -> bool:
    """Whether a file's suffix is an image's, and no part of its path is hidden."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not any(
        part.startswith(".") and part not in (".", "..") for part in PurePosixPath(name).parts
    )


def _is_data(name: str) -> bool:
    return name.lower().endswith((*IMAGE_SUFFIXES, *LABEL_SUFFIXES))


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _grouped(names: Iterable[str], key) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return groups
