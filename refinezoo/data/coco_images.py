"""The images of a COCO file: where its dataset lies, and which file each row means."""

import logging
import os
from pathlib import Path

from refinezoo.data.coco_file import read_coco, refuse_shared_images
from refinezoo.data.coco_names import doubtful_names, image_folders, locate
from refinezoo.data.coco_rows import CocoFile
from refinezoo.data.coco_values import Id
from refinezoo.data.tree import read_tree
from refinezoo.errors import RefinezooError

_log = logging.getLogger(__name__)


def rows_and_images(
    path: Path, image_folder: str | os.PathLike | None = None
) -> tuple[CocoFile, dict[Id, Path]]:
    """The checked rows of a COCO file, and the file of each image.

    Args:
        path: the file.
        image_folder: where the images lie; by default the dataset's folder.

    Raises:
        RefinezooError: rows without a meaning, missing images, names that lead out.
    """
    coco = read_coco(path).checked()
    files, missing = locate_images(coco, path, image_folder)
    if missing:
        raise RefinezooError(
            f"{path}: expected {len(coco.images)} images, {len(missing)} are missing: "
            f"{', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}. Give the right "
            "image_folder, or remove these entries from the file."
        )
    refuse_shared_images(coco, files)
    return coco.checked(), files


def dataset_root(annotations: Path) -> Path:
    """The folder of the dataset of a COCO file: its own, or the one above `annotations/`."""
    above = annotations.parent.name.lower() in ("annotations", "annotation", "labels", "coco")
    return annotations.parent.parent if above else annotations.parent


def locate_images(
    coco: CocoFile, path: Path, image_folder: str | os.PathLike | None = None
) -> tuple[dict[Id, Path], list[str]]:
    """The file of each image of a COCO file, and the names of those that are not there.

    Args:
        coco: the file's content.
        path: where it lies.
        image_folder: where the images lie; by default the dataset's folder.

    Raises:
        RefinezooError: a name leads out of the dataset.
    """
    root = dataset_root(path) if image_folder is None else Path(image_folder)
    tree = read_tree(root)
    try:
        place = path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        place = path.name
    folders, files, missing = image_folders(place), {}, []
    for number, row in coco.images.items():
        try:
            found = locate(row["file_name"], folders, tree.find, root)
        except RefinezooError as error:
            raise RefinezooError(f"{path} {error}") from None
        if found is None:
            missing.append(row["file_name"])
        else:
            files[number] = root / found
    names = (row["file_name"] for row in coco.images.values())
    if doubt := doubtful_names(names, folders, tree.find):
        _log.warning("%s: %s", path, doubt)
    return files, missing
