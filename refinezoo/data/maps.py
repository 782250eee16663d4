"""Masks and depth in files of their own, and where they go when their images are copied."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from refinezoo.data.formats.base import FORMATS, SIBLINGS, add_siblings
from refinezoo.data.formats.bop import depth_unit_m
from refinezoo.data.formats.layout import Layout
from refinezoo.data.tree import read_tree

_log = logging.getLogger(__name__)


def maps_of(root: Path, images: Iterable[Path]) -> dict[str, dict[Path, Path]]:
    """Per kind of `SIBLINGS` the label file of each image of a dataset that has one.

    Depth in another unit than millimetres (BOP) stays: elsewhere nothing would say so.
    """
    tree = read_tree(root)
    layout = Layout(tree, FORMATS["coco"])
    layout.renders = [file.relative_to(root).as_posix() for file in images]
    add_siblings(tree, layout)
    for note in layout.notes:
        _log.warning("%s: %s", root, note)
    if "depth" in layout.labels and (depth_unit_m(tree) or 0.001) != 0.001:
        del layout.labels["depth"]
        _log.warning("%s: depth is left out, whose unit scene_camera.json states", root)
    return {
        kind: {root / name: root / file for name, file in files.items()}
        for kind, files in layout.labels.items()
    }


def map_targets(
    kind: str, files: Mapping[Path, Path], targets: Mapping[Path, str]
) -> list[tuple[str, Path]]:
    """Where the label files of a kind belong, so that they are found beside copied images.

    Args:
        kind: of `SIBLINGS`.
        files: by image.
        targets: of the copied images, POSIX paths that begin with `images/`.

    Returns:
        Pairs of a POSIX path and the file that goes there.
    """
    folder = SIBLINGS[kind][0][0]
    return [
        (
            Path(folder, *Path(target).parts[1:]).with_suffix(files[image].suffix).as_posix(),
            files[image],
        )
        for image, target in targets.items()
        if image in files
    ]
