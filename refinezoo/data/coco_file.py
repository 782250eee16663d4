"""One reader of COCO files as people have them, for training, measuring, refining and checking.

What has one meaning is read (text for numbers, nulls, backslashes, a byte order mark); what has
none is a problem in words. Annotation ids are ours, 1 upwards: pycocotools takes 0 for "no match".
"""

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.data.boxes import FARTHEST
from refinezoo.data.coco_masks import mask_bounds, mask_size
from refinezoo.errors import RefinezooError

Id = int | str
MAX_BYTES = 2 << 30  # LVIS has 1.1 GB
_SECTIONS = ("images", "annotations", "categories")
_TRUE, _FALSE = {"1", "true", "yes"}, {"", "0", "false", "no", "none", "null"}


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
    """Whether a document is COCO: `images`, whose rows have a `file_name`."""
    images = document.get("images") if isinstance(document, dict) else None
    rows = list(images.values()) if isinstance(images, dict) else images
    return (
        isinstance(rows, list)
        and ("annotations" in document or "categories" in document)
        and any(isinstance(row, dict) and isinstance(row.get("file_name"), str) for row in rows)
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
                raise _Meaningless(f"received {row!r:.80}")
            lacks = read(coco, row)
        except _Meaningless as error:
            lacks = str(error)
        if lacks:
            coco.problems.append(f"{where}: {lacks}. Correct or remove that row.")
            if section == "images":
                coco.lost.append(coco.problems[-1])


class _Meaningless(RefinezooError):  # noqa: N818
    """A row that cannot be read; says what was expected."""


def _category(coco: CocoFile, row: dict) -> str:
    number, name = _id(row, "id"), row.get("name")
    if not isinstance(name, (str, int, float)):
        coco.categories.setdefault(number, str(number))
        return f"expected a name, received it without name ({name!r:.40})"
    name = str(name).strip()
    if coco.categories.setdefault(number, name) != name:
        return f"expected different ids, received {number!r} twice"
    return ""


def _image(coco: CocoFile, row: dict, pictures: bool) -> str:
    number = _id(row, "id")
    name = row.get("file_name") if pictures else str(row.get("file_name"))
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise _Meaningless(f"expected a file_name, received it without file_name ({name!r:.40})")
    width, height = (_side(row, key) for key in ("width", "height"))
    regions = row.get("ignore_regions") or []
    if not isinstance(regions, list):
        raise _Meaningless(f"expected ignore_regions [[x, y, w, h], ...], received {regions!r:.80}")
    entry = {
        "id": number,
        "file_name": name,
        "width": width,
        "height": height,
        "ignore_regions": [_box(region) for region in regions],
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
    image_id, category_id = (_id(row, key) for key in ("image_id", "category_id"))
    if image_id not in coco.images:
        raise _Meaningless(
            f"belongs to image_id {row['image_id']!r}, which is not among the file's images"
        )
    segmentation = row.get("segmentation")
    box = None if row.get("bbox") in (None, [], {}) else _box(row["bbox"])
    try:
        if isinstance(segmentation, dict) and segmentation:
            _compare_sizes(mask_size(segmentation), coco.images[image_id])
        if box is None or min(box[2:]) <= 0:
            bounds = mask_bounds(segmentation)
            if bounds is not None:
                coco.counts["boxes_from_segmentation"] += 1
                box = bounds
    except ValueError as error:
        raise _Meaningless(f"expected a run-length mask, but {error}") from None
    box = _box(box)
    if row.get("keypoints"):
        coco.counts["keypoints"] += 1
    area = _number(row.get("area"))
    coco.annotations.append(
        {
            "id": len(coco.annotations) + 1,
            "image_id": image_id,
            "category_id": category_id,
            "bbox": box,
            "area": area if area is not None and area >= 0 else abs(box[2] * box[3]),
            "iscrowd": int(_flag(row, "iscrowd")),
            "truncated": _flag(row, "truncated"),
            "visibility": 1.0 if (seen := _number(row.get("visibility"))) is None else seen,
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


def _id(row: dict, key: str) -> Id:
    """An id as int where it is a whole number, however written; else the text itself."""
    value = row.get(key)
    if value is None:
        raise _Meaningless(f"expected {key}, received it without {key}")
    return whole_or_text(value, key)


def whole_or_text(value: Any, key: str = "id") -> Id:
    """`7`, `7.0` and `"7"` are one id; `"img7"` is another.

    Raises:
        RefinezooError: neither a whole number nor text.
    """
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,18}\s*", value):
        return int(value)
    if isinstance(value, str) and value.strip():
        return value
    number = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(number, (int, float)) and not isinstance(number, bool):
        if math.isfinite(number) and number == int(number):
            return int(number)
    raise _Meaningless(f"expected {key} to be a whole number or text, received {value!r:.60}")


def _number(value: Any) -> float | None:
    """A finite number, also of text; None where there is none."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _side(row: dict, key: str) -> int | None:
    value = row.get(key)
    if value in (None, 0, ""):  # exporters that do not know it write 0
        return None
    number = _number(value)
    if number is None or number < 1 or number != int(number):
        raise _Meaningless(f"expected {key} in pixels, received {value!r:.40}")
    return int(number)


def _flag(row: dict, key: str) -> bool:
    value = row.get(key)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE | _FALSE:
            return word in _TRUE
    elif value is None or isinstance(value, (bool, int, float)):
        return bool(value)
    raise _Meaningless(f"expected {key} to be 0 or 1, received {value!r:.40}")


def _box(value: Any) -> list[float]:
    if isinstance(value, dict):
        keys = ("x", "y", "width", "height") if "width" in value else ("x", "y", "w", "h")
        value = [value.get(key) for key in keys]
    numbers = [_number(side) for side in value] if isinstance(value, (list, tuple)) else []
    if len(numbers) != 4 or not all(n is not None and abs(n) <= FARTHEST for n in numbers):
        raise _Meaningless(f"expected bbox [x, y, width, height] in pixels, received {value!r:.80}")
    return [float(side) for side in numbers if side is not None]
