"""Dataset formats, one file each, and the recogniser that every verb uses.

A new format is one file here with a class under `@dataset_format`; nothing else names it.
"""

import glob
import importlib
import os
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from refinezoo.data.coco_images import rows_and_images
from refinezoo.data.decode import IMAGE_SUFFIXES
from refinezoo.data.formats.base import FORMATS, DatasetFormat, Paired, add_siblings, dataset_format
from refinezoo.data.formats.bop import depth_unit_m
from refinezoo.data.formats.layout import Layout
from refinezoo.data.formats.left_out import foreign, unpaired, unread
from refinezoo.data.tree import is_image, matching, read_tree, refuse_archive
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.renames import former_name

__all__ = [
    "DatasetFormat",
    "Layout",
    "Paired",
    "dataset_format",
    "formats",
    "image_sizes",
    "layout_table",
    "list_images",
    "recognise",
]


def formats() -> list[DatasetFormat]:
    """All registered formats, in the order in which they are asked."""
    _register_all()
    return sorted(FORMATS.values(), key=lambda kind: (kind.order, kind.name))


@cache
def _register_all() -> None:
    """Imports each file here, once: to look for them cost every call 2 ms."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def layout_table() -> str:
    """The registered formats as a Markdown table, in the order in which they are asked."""
    rows = ["| layout | `kind` | an image and what belongs to it |", "|---|---|---|"]
    for kind in formats():
        files = ", ".join(f"`{name}`" for name in kind.example.split(", "))
        rows.append(f"| {kind.title} | `{kind.name}` | {files} |")
    return "\n".join(rows)


def recognise(
    source: str | os.PathLike,
    *,
    images: str | Sequence[str] | None = None,
    format: str | None = None,
) -> Layout:
    """Sorts a dataset tree into images, their labels and the rest.

    Args:
        source: the dataset's folder.
        images: patterns below it (`rgb/**/*.png`) that decide which files are the images.
        format: the name of a format, where the recogniser should not choose.

    Raises:
        RefinezooError: no such folder or format, no images in it, or annotations that cannot be
            read.
    """
    tree = read_tree(source)
    kind = _named(format) if format else next(kind for kind in formats() if kind.claims(tree))
    layout = kind.read(tree)
    if "depth" in layout.labels:
        _scale_depth(layout)
    if images is not None:
        _choose(layout, [images] if isinstance(images, str) else list(images))
    chosen = set(layout.renders)
    layout.carried = [name for name in tree.files if name not in chosen]
    owned = {file for files in layout.labels.values() for file in files.values()}
    layout.notes += unread(tree, owned) + unpaired(tree, owned)
    others = [other for other in formats() if other.annotated and other is not kind]
    if kind.annotated and (titles := [other.title for other in others if other.claims(tree)]):
        layout.notes.append(f"annotations of {' and '.join(titles)} are there too: not read")
    if not kind.annotated:
        layout.notes += foreign(tree, owned)
    if not layout.renders and not layout.missing:
        raise RefinezooError(
            f"found no renders in {str(source)!r} ({len(tree.files)} files). Expected images named "
            "by a COCO file, or in a folder called images/, JPEGImages/ or rgb/, or directly in "
            f"it; of {', '.join(IMAGE_SUFFIXES)}. {' '.join(layout.notes)}"
        )
    stems = {os.path.basename(os.path.splitext(name)[0]) for name in chosen}
    known = chosen | owned
    layout.unknown = [
        name
        for name in tree.images
        if name not in known and os.path.basename(os.path.splitext(name)[0]) not in stems
    ]
    return layout


def list_images(source: str | os.PathLike) -> list[Path]:
    """The images of a folder, dataset, COCO file or pattern, in a fixed order.

    A folder is read as every verb reads it: with its sub-folders, without hidden files, and
    without what its format or its names call labels.

    Args:
        source: a folder; a COCO file; one image; or a pattern, in which `**` is any number of
            folders.

    Raises:
        RefinezooError: nothing there, no images, or labels that may be among them.
    """
    return _listed(source)[0]


def image_sizes(source: str | os.PathLike) -> dict[Path, tuple[int, int] | None]:
    """As `list_images`, each image with the width and height that its labels give, if any do.

    `read_image` takes them: of an image that EXIF turns they say which way up its labels are.
    """
    paths, size = _listed(source)
    return {path: size(path) for path in paths}


picture_sizes = former_name("picture_sizes", image_sizes)


def _listed(
    source: str | os.PathLike,
) -> tuple[list[Path], Callable[[Path], tuple[int, int] | None]]:
    """The images of a source, and what says the size that their labels give."""
    path = Path(source)
    if path.is_dir():
        layout = recognise(path)
        return layout.images(), lambda file: layout.size(file.relative_to(path).as_posix())
    if path.is_file():
        if path.suffix.lower() == ".json":
            coco, files = rows_and_images(path)
            sides = {files[key]: (row["width"], row["height"]) for key, row in coco.images.items()}
            return list(sides), lambda file: sides[file] if all(sides[file]) else None
        refuse_archive(path)
        return [path], lambda file: None
    if glob.has_magic(str(source)):
        return matching(str(source)), lambda file: None
    raise RefinezooError(f"expected a folder of images, received {source}: no such folder.")


def _scale_depth(layout: Layout) -> None:
    """The unit that BOP's cameras state, also beside a COCO file."""
    try:
        layout.depth_unit_m = depth_unit_m(layout.tree) or layout.depth_unit_m
    except RefinezooError as error:
        del layout.labels["depth"]
        layout.notes.append(f"depth is not read: {error}")


def _named(name: str) -> DatasetFormat:
    known = {kind.name: kind for kind in formats()}
    if name not in known:
        raise RefinezooError(
            f"expected a dataset format of {', '.join(known)}, received {name!r}."
            + did_you_mean(name, known)
        )
    return known[name]


def _choose(layout: Layout, patterns: list[str]) -> None:
    """Makes the files that match the images; their labels stay, others are looked for."""
    root = layout.root
    found = {
        Path(name).as_posix()
        for pattern in patterns
        for name in glob.glob(pattern, root_dir=root, recursive=True)
        if is_image(name)
    }
    layout.renders = sorted(found & layout.tree.names)
    layout.doubtful, layout.mixed, layout.lost = "", False, []
    if not layout.renders:
        raise RefinezooError(
            f"expected images that match {', '.join(patterns)} in {str(root)!r}, received none. "
            "Patterns are relative to the dataset; **/ stands for any number of folders."
        )
    for kind, files in layout.labels.items():
        layout.labels[kind] = {name: file for name, file in files.items() if name in found}
    add_siblings(layout.tree, layout)
