"""One reader of COCO files as people have them, for training, measuring, refining and checking.

What has one meaning is read (text for numbers, nulls, backslashes, a byte order mark); what has
none is a problem in words. Annotation ids are ours, 1 upwards: pycocotools takes 0 for "no match".
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.data.coco_masks import mask_bounds, mask_size
from refinezoo.data.coco_values import Id, Meaningless, box_of, flag_of, id_of, number_of, side_of
from refinezoo.errors import RefinezooError

MAX_BYTES = 2 << 30  # LVIS has 1.1 GB
_SECTIONS = ("images", "annotations", "categories")


@dataclass
class CocoFile:
    """A COCO file with one type for each thing.

    Attributes:
        path: of the file, or "annotations" for a document from memory.
        images: by id, rows `id`, `file_name` (as written), `width` and `height` (int, or None
            where the file does not say), `ignore_regions`.
        annotations: rows `id` (1 to N), `image_id`, `category_id`, `bbox` (four floats, xywh,
            pixels), `area`, `iscrowd` (0 or 1), `truncated`, `visibility`, `segmentation`.
        categories: names by id, sorted by id.
        problems: rows that have no meaning, in words; such boxes and pictures are left out.
        lost: those of them that are pictures.
        counts: what was changed, by what.
    """

    path: str
    images: dict[Id, dict[str, Any]] = field(default_factory=dict)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[Id, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def checked(self) -> "CocoFile":
        """Itself.

        Raises:
            RefinezooError: the first of its problems.
        """
        if self.problems:
            more = f" ({len(self.problems) - 1} more rows like it)" if self.problems[1:] else ""
            raise RefinezooError(f"{self.path}: {self.problems[0]}{more}")
        return self

    def document(self) -> dict[str, list[dict[str, Any]]]:
        """The file as pycocotools takes it."""
        return {
            "images": list(map(dict, self.images.values())),
            "annotations": list(map(dict, self.annotations)),
            "categories": [{"id": key, "name": name} for key, name in self.categories.items()],
        }


def read_coco(source: str | os.PathLike | dict[str, Any], *, pictures: bool = True) -> CocoFile:
    """Reads and normalises a COCO file, or such a document.

    Args:
        source: the file, or its content.
        pictures: whether every image needs a `file_name`.

    Raises:
        RefinezooError: no JSON, or no COCO. Rows without a meaning become `problems`.
    """
    if isinstance(source, dict):
        return _normalised("annotations", source, pictures)
    return _normalised(str(Path(source)), read_document(source), pictures)


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
    """Whether annotations are there, and all of them are of whole pictures."""
    keys = {"bbox", "segmentation", "category_id"}
    return (
        isinstance(rows, list)
        and bool(rows)
        and not any(isinstance(row, dict) and not keys.isdisjoint(row) for row in rows)
    )


def _normalised(path: str, document: Any, pictures: bool) -> CocoFile:
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
    for section, read in (
        ("categories", _category),
        ("images", partial(_image, pictures=pictures)),
        ("annotations", _annotation),
    ):
        _read_rows(coco, document.get(section), section, read)
    if pictures:
        refuse_shared_pictures(coco, {key: row["file_name"] for key, row in coco.images.items()})
    _refuse_corners(coco)
    _merge_twins(coco)
    coco.categories = dict(
        sorted(coco.categories.items(), key=lambda item: (isinstance(item[0], str), item[0]))
    )
    return coco


def refuse_shared_pictures(coco: CocoFile, files: Mapping[Id, Any]) -> None:
    """Notes pictures of two ids as problems: to each the objects of the other are background.

    Args:
        coco: the file.
        files: of each picture, as it is called or where it lies.
    """
    owners: dict[Any, Id] = {}
    for number, file in files.items():
        owner = owners.setdefault(file, number)
        problem = (
            f"images {owner!r} and {number!r} are both {file}. Give the objects of one picture one "
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


def _read_rows(
    coco: CocoFile, rows: Any, section: str, read: Callable[[CocoFile, dict], str]
) -> None:
    if isinstance(rows, dict):  # keyed by id
        rows = list(rows.values())
    if rows is not None and not isinstance(rows, list):
        raise RefinezooError(
            f"{coco.path}: expected a list of {section}, received {type(rows).__name__}."
        )
    for place, row in enumerate(rows or []):
        number = row.get("id") if isinstance(row, dict) else None
        where = f"row {place} of {section} (id {number!r:.40})"
        try:
            if not isinstance(row, dict):
                raise Meaningless(f"received {row!r:.80}")
            lacks = read(coco, row)
        except Meaningless as error:
            lacks = str(error)
        if lacks:
            coco.problems.append(f"{where}: {lacks}. Correct or remove that row.")
            if section == "images":
                coco.lost.append(coco.problems[-1])


def _category(coco: CocoFile, row: dict) -> str:
    number, name = id_of(row, "id"), row.get("name")
    if not isinstance(name, (str, int, float)):
        coco.categories.setdefault(number, str(number))
        return f"expected a name, received it without name ({name!r:.40})"
    name = str(name).strip()
    if coco.categories.setdefault(number, name) != name:
        return f"expected different ids, received {number!r} twice"
    return ""


def _image(coco: CocoFile, row: dict, pictures: bool) -> str:
    number = id_of(row, "id")
    name = row.get("file_name") if pictures else str(row.get("file_name"))
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise Meaningless(f"expected a file_name, received it without file_name ({name!r:.40})")
    width, height = (side_of(row, key) for key in ("width", "height"))
    regions = row.get("ignore_regions") or []
    if not isinstance(regions, list):
        raise Meaningless(f"expected ignore_regions [[x, y, w, h], ...], received {regions!r:.80}")
    entry = {
        "id": number,
        "file_name": name,
        "width": width,
        "height": height,
        "ignore_regions": [box_of(region) for region in regions],
    }
    earlier = coco.images.setdefault(number, entry)
    if earlier["file_name"] != name:
        return (
            f"expected different image ids, received {number} twice: {earlier['file_name']} and "
            f"{name}"
        )
    if earlier is not entry:
        coco.counts["doubled_images"] += 1
    return ""


def _annotation(coco: CocoFile, row: dict) -> str:
    image_id, category_id = (id_of(row, key) for key in ("image_id", "category_id"))
    if image_id not in coco.images:
        raise Meaningless(
            f"belongs to image_id {row['image_id']!r}, which is not among the file's images"
        )
    segmentation = row.get("segmentation")
    box = None if row.get("bbox") in (None, [], {}) else box_of(row["bbox"])
    try:
        if isinstance(segmentation, dict) and segmentation:
            _compare_sizes(mask_size(segmentation), coco.images[image_id])
        if box is None or min(box[2:]) <= 0:
            bounds = mask_bounds(segmentation)
            if bounds is not None:
                coco.counts["boxes_from_segmentation"] += 1
                box = bounds
    except ValueError as error:
        raise Meaningless(f"expected a run-length mask, but {error}") from None
    box = box_of(box)
    if row.get("keypoints"):
        coco.counts["keypoints"] += 1
    area = number_of(row.get("area"))
    coco.annotations.append(
        {
            "id": len(coco.annotations) + 1,
            "image_id": image_id,
            "category_id": category_id,
            "bbox": box,
            "area": area if area is not None and area >= 0 else abs(box[2] * box[3]),
            "iscrowd": int(flag_of(row, "iscrowd")),
            "truncated": flag_of(row, "truncated"),
            "visibility": 1.0 if (seen := number_of(row.get("visibility"))) is None else seen,
            "segmentation": segmentation if isinstance(segmentation, (list, dict)) else [],
        }
    )
    if category_id not in coco.categories:
        return (
            f"has category_id {row['category_id']!r}; expected one of the file's categories "
            f"{list(coco.categories)[:10]}"
        )
    return ""


def _compare_sizes(mask: tuple[int, int], image: dict[str, Any]) -> None:
    height, width = mask
    stated = image["width"], image["height"]
    if None not in stated and stated != (width, height):
        raise ValueError(
            f"its size is {width} x {height}, of a picture of {stated[0]} x {stated[1]}"
        )
