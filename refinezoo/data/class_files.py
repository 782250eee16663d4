"""Images in a folder for each class: `CLASS/NAME.png`."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refinezoo.data.image_size import side_of_square
from refinezoo.data.images import read_sized
from refinezoo.data.tree import read_tree
from refinezoo.errors import RefinezooError, did_you_mean


def class_folders(folder: str | os.PathLike, least: int = 2) -> dict[str, list[Path]]:
    """The images of each class, classes and images in the order of their names.

    Raises:
        RefinezooError: fewer than `least` folders directly below hold images.
    """
    tree = read_tree(folder)
    found: dict[str, list[Path]] = {}
    for name in tree.images:
        if name.count("/") == 1:
            found.setdefault(name.split("/")[0], []).append(tree.root / name)
    if len(found) < least:
        raise RefinezooError(
            f"expected a folder of images for each class in {str(folder)!r}, as cat/0001.png and "
            f"dog/0001.png, received {' and '.join(found) or 'none'}. Name the folder above them."
        )
    return {name: found[name] for name in sorted(found)}


def read_class_folders(
    folder: str | os.PathLike, class_names: Sequence[str], image_size: int
) -> dict[str, np.ndarray]:
    """Reads images and their classes into memory.

    Args:
        folder: holds a folder for each class.
        class_names: what the labels count in.
        image_size: side S to which images are resized, pixels.

    Returns:
        `image` uint8 [N, S, S, 3] and `label` int64 [N], class by class, in the order of the names.

    Raises:
        RefinezooError: no folders of classes, or one of another class.
    """
    side, images, labels = side_of_square(image_size, "a classifier"), [], []
    for name, paths in class_folders(folder, 1).items():
        if name not in class_names:
            raise RefinezooError(
                f"{folder}: expected folders of the classes {', '.join(class_names)}, received "
                f"{name!r}.{did_you_mean(name, class_names)}"
            )
        for path in paths:
            images.append(read_sized(path, side))
            labels.append(list(class_names).index(name))
    return {"image": np.stack(images), "label": np.asarray(labels, "int64")}
