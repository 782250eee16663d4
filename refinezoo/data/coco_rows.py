"""A COCO file with one type for each thing: each row of it is read, or is a problem in words."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from refinezoo.data.coco_masks import mask_bounds, mask_size
from refinezoo.data.coco_values import Id, Meaningless, box_of, flag_of, id_of, number_of, side_of
from refinezoo.errors import RefinezooError


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
        problems: rows that have no meaning, in words; such boxes and images are left out.
        lost: those of them that are images.
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


def read_rows(coco: CocoFile, document: dict[str, Any], named: bool) -> None:
    """Fills `coco` with what the sections of `document` say.

    Args:
        coco: categories, images, annotations and problems are added to it.
        document: of a COCO file; a section that it lacks has no rows.
        named: whether an image without a file name is a problem.

    Raises:
        RefinezooError: a section is no list of rows.
    """
    for section, read in (
        ("categories", _category),
        ("images", partial(_image, named=named)),
        ("annotations", _annotation),
    ):
        _read_rows(coco, document.get(section), section, read)


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


def _image(coco: CocoFile, row: dict, named: bool) -> str:
    number = id_of(row, "id")
    name = row.get("file_name") if named else str(row.get("file_name"))
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
            f"its size is {width} x {height}, of an image of {stated[0]} x {stated[1]}"
        )
