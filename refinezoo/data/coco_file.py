"""One reader of COCO files as people have them, for training, measuring, refining and checking.

What has one meaning is read (text for numbers, nulls, backslashes, a byte order mark); what has
none is a problem in words. Annotation ids are ours, 1 upwards: pycocotools takes 0 for "no match".
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.data.coco_masks import mask_bounds
from refinezoo.data.coco_rows import CocoFile, read_rows
from refinezoo.data.coco_values import Id
from refinezoo.errors import RefinezooError

MAX_BYTES = 2 << 30  # LVIS has 1.1 GB
_SECTIONS = ("images", "annotations", "categories")


def read_coco(source: str | os.PathLike | dict[str, Any], *, named: bool = True) -> CocoFile:
    """Reads and normalises a COCO file, or such a document.

    Args:
        source: the file, or its content.
        named: whether every image needs a `file_name`.

    Raises:
        RefinezooError: no JSON, or no COCO. Rows without a meaning become `problems`.
    """
    if isinstance(source, dict):
        return _normalised("annotations", source, named)
    return _normalised(str(Path(source)), read_document(source), named)


def read_document(path: str | os.PathLike) -> Any:
    """The content of a COCO file, whatever its Unicode encoding; numbers may be NaN or long.

    Raises:
        RefinezooError: no such file, no JSON, a key twice, or larger than `MAX_BYTES`.
    """
    return read_json(path, MAX_BYTES, any_number=True)


def is_coco(document: Any) -> bool:
    """Whether a document is COCO: `images`, whose rows have a `file_name`, and objects in them.

    COCO's captions and panoptic segments lie beside its instances.
    """
    images = document.get("images") if isinstance(document, dict) else None
    if images and _of_no_objects(document.get("annotations")):
        return False
    rows = list(images.values()) if isinstance(images, dict) else images
    return (
        isinstance(rows, list)
        and ("annotations" in document or "categories" in document)
        and any(isinstance(row, dict) and isinstance(row.get("file_name"), str) for row in rows)
    )


def _of_no_objects(rows: Any) -> bool:
    """Whether annotations are there, and all of them are of whole images."""
    keys = {"bbox", "segmentation", "category_id"}
    return (
        isinstance(rows, list)
        and bool(rows)
        and not any(isinstance(row, dict) and not keys.isdisjoint(row) for row in rows)
    )


def _normalised(path: str, document: Any, named: bool) -> CocoFile:
    coco = CocoFile(path)
    if not isinstance(document, dict) or any(key not in document for key in _SECTIONS):
        keys = list(document)[:10] if isinstance(document, dict) else type(document).__name__
        words = (
            f"expected a COCO file with {', '.join(_SECTIONS)}, received {keys}. "
            "Results of a detector are no annotations."
        )
        if not isinstance(document, dict) or "images" not in document:
            raise RefinezooError(f"{path}: {words}")
        coco.problems.append(words)
    read_rows(coco, document, named)
    if named:
        refuse_shared_images(coco, {key: row["file_name"] for key, row in coco.images.items()})
    _refuse_corners(coco)
    _merge_twins(coco)
    coco.categories = dict(
        sorted(coco.categories.items(), key=lambda item: (isinstance(item[0], str), item[0]))
    )
    return coco


def refuse_shared_images(coco: CocoFile, files: Mapping[Id, Any]) -> None:
    """Notes images of two ids as problems: to each the objects of the other are background.

    Args:
        coco: the file.
        files: of each image, as it is called or where it lies.
    """
    owners: dict[Any, Id] = {}
    for number, file in files.items():
        owner = owners.setdefault(file, number)
        problem = (
            f"images {owner!r} and {number!r} are both {file}. Give the objects of one image one "
            "image_id."
        )
        if owner != number and problem not in coco.problems:
            coco.problems.append(problem)


def _refuse_corners(coco: CocoFile) -> None:
    """Boxes that are x1, y1, x2, y2 where areas or polygons tell."""
    told = [row for row in coco.annotations if _tells_corners(row)]
    if len(told) > 1 and 2 * len(told) > len(coco.annotations):
        coco.problems.append(
            f"the boxes seem to be x1, y1, x2, y2, as the area or polygon of {len(told)} of "
            f"{len(coco.annotations)} says, e.g. {told[0]['bbox']}. Save x, y, width, height."
        )


def _tells_corners(row: dict[str, Any]) -> bool:
    """Whether an annotation's area or polygon fits its box read as corners alone."""
    x, y, w, h = row["bbox"]
    width, height = w - x, h - y
    if min(x, y) <= 0 or min(width, height) <= 0:
        return False
    if abs(row["area"] - width * height) <= 0.01 * width * height < abs(row["area"] - w * h):
        return True
    bounds = mask_bounds(row["segmentation"]) if isinstance(row["segmentation"], list) else None
    return bounds is not None and all(
        abs(side - other) <= 1 < max(x, y)
        for side, other in zip(bounds, (x, y, width, height), strict=True)
    )


def _merge_twins(coco: CocoFile) -> None:
    """Of categories of one name (Roboflow adds its groups) those without objects are left out."""
    used = {row["category_id"] for row in coco.annotations}
    by_name: dict[str, list[Id]] = {}
    for number, name in coco.categories.items():
        by_name.setdefault(name, []).append(number)
    for name, numbers in by_name.items():
        kept = [number for number in numbers if number in used] or numbers[:1]
        if kept[1:]:
            coco.problems.append(
                f"categories {kept[0]!r} and {kept[1]!r} are both called {name!r}, and both have "
                "objects. Give them different names, or one id."
            )
        for number in {*numbers} - {*kept}:
            del coco.categories[number]
            coco.counts["doubled_categories"] += 1
