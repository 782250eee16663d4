"""`find_renders`: which files of a dataset tree are repainted; the rest is carried over."""

import os
from collections.abc import Sequence

from refinezoo.data.formats import Layout, recognise
from refinezoo.errors import RefinezooError


def find_renders(source: str | os.PathLike, *, images: str | Sequence[str] | None = None) -> Layout:
    """Recognises a dataset and refuses one whose labels could be taken for renders.

    Args:
        source: the dataset's folder, in any layout of `refinezoo.data.formats`.
        images: patterns below it that decide which files are the renders.

    Raises:
        RefinezooError: no such folder, no renders in it, annotations that cannot be read or name
            files outside the tree, rows of images without a meaning, or images that look like
            labels.
    """
    layout = recognise(source, images=images)
    if layout.doubtful:
        raise RefinezooError(
            f"expected renders in {str(source)!r}, received images that may be labels "
            f"({layout.doubtful}), which refining would ruin. Name the renders: --images "
            f"{_pattern(layout)} (images= in Python); --dry-run shows what would be done."
        )
    if layout.lost:
        more = f" ({len(layout.lost) - 1} more like it)" if layout.lost[1:] else ""
        raise RefinezooError(
            f"{layout.lost[0]}{more} Its image would stay as it is. Or name the renders: "
            "--images 'images/**/*.png' (images= in Python)."
        )
    return layout


def _pattern(layout: Layout) -> str:
    """Of the images that are surely such; else of the first one's folder, if all may be."""
    if layout.photos:
        return repr(layout.photos[0])
    if layout.mixed:
        return "PATTERN, which must not match the labels"
    folder, _, file = layout.renders[0].rpartition("/")
    return repr(f"{folder + '/' if folder else ''}*{os.path.splitext(file)[1]}")
