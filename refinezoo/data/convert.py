"""`convert_dataset`: boxes and polygons of any format that has them, as COCO, VOC or YOLO."""

import os
import shutil
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from refinezoo.data.coco import load_with_rows
from refinezoo.data.coco_images import dataset_root
from refinezoo.data.coco_records import ImageRecord
from refinezoo.data.decode import IMAGE_SUFFIXES, SUFFIXES, read_header
from refinezoo.data.maps import map_targets, maps_of
from refinezoo.data.tree import RENDER_FOLDERS
from refinezoo.disk import check_room
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.files import atomic_folder, write_json
from refinezoo.paths import check_apart

_SPLITS = ("train", "val", "test")
Rows = list[dict[str, Any]]


def convert_dataset(
    source: str | os.PathLike, out: str | os.PathLike, to: str = "coco"
) -> dict[str, Any]:
    """Writes a dataset with boxes in another format, atomically.

    Images are copied byte for byte to `images/` (VOC: `JPEGImages/`); masks and depth beside
    them go along. Boxes stay true to a hundredth of a pixel; in VOC and YOLO, whose readers skip
    images with others, they end at the image's edge. Polygons are kept by COCO, and by YOLO
    where every object has exactly one (its readers take a mixture for boxes); crowds are
    `difficult` in VOC and left out of YOLO, which has no word for them. What is left out is
    counted.

    Args:
        source: a folder or annotations file of COCO, VOC or YOLO.
        out: a new folder, or one that an earlier conversion made.
        to: `"coco"`, `"voc"` or `"yolo"`.

    Returns:
        `{"format", "images", "annotations", "classes", "maps": {kind: count}, "left_out": {what:
        count}}`.

    Raises:
        RefinezooError: no boxes, rows without a meaning, no room, or a folder of other files.
    """
    if to not in _WRITERS:
        raise RefinezooError(
            f"expected a format of {', '.join(_WRITERS)}, received {to!r}."
            + did_you_mean(to, _WRITERS)
        )
    source, out = Path(source), Path(out)
    check_apart(source, out)
    dataset, coco, files = load_with_rows(source)
    root = source if source.is_dir() else dataset_root(source)
    targets = {number: f"images/{_below(file, root, to)}" for number, file in files.items()}
    known: dict[str, Path] = {}
    for number, target in targets.items():  # a label file has the name of its image
        name = target if to == "coco" else os.path.splitext(target)[0]
        if (other := known.setdefault(name, files[number])) != files[number]:
            raise RefinezooError(
                f"expected images of different names, received {other} and {files[number]}. "
                "Rename one of them."
            )
    for record in dataset.records:
        if to == "yolo" and not _upright(record):
            raise RefinezooError(
                f"{record.path}: expected an image that its boxes fit as viewers show it, but "
                "EXIF turns it. Save it upright: YOLO states no size to tell by."
            )
        coco.images[record.id] |= {"width": record.width, "height": record.height}
    document = coco.document()
    for row in document["images"]:
        row["file_name"] = targets[row["id"]]
    left_out = Counter({"keypoints": coco.counts["keypoints"]})
    if to != "coco":
        _keep_in_images(document, left_out)
    maps = maps_of(root, files.values())
    by_image = {files[number]: target for number, target in targets.items()}
    pairs = {target: file for file, target in by_image.items()}
    for kind, some in maps.items():
        pairs |= dict(map_targets(kind, some, by_image))
    check_room(out, sum(file.stat().st_size for file in pairs.values()), "the converted dataset")
    with atomic_folder(out) as folder:
        for target, file in pairs.items():
            name = target.replace("images/", "JPEGImages/", 1) if to == "voc" else target
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)
        _WRITERS[to](folder, document, left_out)
    return {
        "format": to,
        "images": len(targets),
        "annotations": len(document["annotations"]),
        "classes": [row["name"] for row in document["categories"]],
        "maps": {kind: len(some) for kind, some in maps.items()},
        "left_out": {what: count for what, count in left_out.items() if count},
    }


def _upright(record: ImageRecord) -> bool:
    header = read_header(record.path)
    return header.orientation == 1 or header.turns((record.width, record.height))


def _below(file: Path, root: Path, to: str) -> str:
    """An image's path without the names of folders of images: `train/0.jpg`.

    VOC and YOLO know images by their suffixes, so that one without gets one.
    """
    *folders, name = file.relative_to(root).parts
    if to != "coco" and file.suffix.lower() not in IMAGE_SUFFIXES:
        name += SUFFIXES[{"MPO": "JPEG"}.get(kind := read_header(file).format, kind)][0]
    return "/".join([*(part for part in folders if part.lower() not in RENDER_FOLDERS), name])


def _keep_in_images(document: dict[str, Any], left_out: Counter[str]) -> None:
    """Ends boxes and polygons at the edges of their images; what has no area there goes."""
    sides = {row["id"]: (row["width"], row["height"]) for row in document["images"]}
    kept = []
    for row in document["annotations"]:
        limits = np.array(sides[row["image_id"]])
        low, high = np.clip([row["bbox"][:2], np.add(row["bbox"][:2], row["bbox"][2:])], 0, limits)
        if (high <= low).any():
            left_out["boxes without area"] += 1
            continue
        row["bbox"] = [*low.tolist(), *(high - low).tolist()]
        if outline := _outline(row):
            points = np.clip(np.reshape(outline, (-1, 2)), 0, limits)
            row["segmentation"] = [points.ravel().tolist()]
        kept.append(row)
    document["annotations"] = kept


def _write_coco(folder: Path, document: dict[str, Any], left_out: Counter[str]) -> None:
    write_json(folder / "annotations.json", document)


def _write_voc(folder: Path, document: dict[str, Any], left_out: Counter[str]) -> None:
    names = {row["id"]: row["name"] for row in document["categories"]}
    left_out["polygons and masks"] = _segmented(document)
    for image, rows in _by_image(document):
        path = PurePosixPath(image["file_name"])
        root = ElementTree.Element("annotation")
        _add(root, folder=path.parent.name, filename=path.name)
        _add(
            ElementTree.SubElement(root, "size"),
            width=image["width"],
            height=image["height"],
            depth=3,
        )
        for row in rows:
            item = ElementTree.SubElement(root, "object")
            x, y, w, h = row["bbox"]
            _add(item, name=names[row["category_id"]], pose="Unspecified")
            _add(item, truncated=int(row["truncated"]), difficult=row["iscrowd"])
            corners = {"xmin": x, "ymin": y, "xmax": x + w, "ymax": y + h}
            shown = {key: f"{value:.2f}".rstrip("0").rstrip(".") for key, value in corners.items()}
            _add(ElementTree.SubElement(item, "bndbox"), **shown)
        ElementTree.indent(root)
        _put(folder, "Annotations", path, ".xml", ElementTree.tostring(root, "unicode") + "\n")


def _write_yolo(folder: Path, document: dict[str, Any], left_out: Counter[str]) -> None:
    numbers = {row["id"]: index for index, row in enumerate(document["categories"])}
    objects = [row for row in document["annotations"] if not row["iscrowd"]]
    left_out["crowds"] = len(document["annotations"]) - len(objects)
    document["annotations"] = objects
    polygons = bool(objects) and all(_outline(row) for row in objects)
    left_out["polygons and masks"] = 0 if polygons else _segmented(document)
    for image, rows in _by_image(document):
        sides = image["width"], image["height"]
        lines = []
        for row in rows:
            x, y, w, h = row["bbox"]
            values = _outline(row) if polygons else [x + w / 2, y + h / 2, w, h]
            shares = [f"{value / sides[axis % 2]:.6g}" for axis, value in enumerate(values)]
            lines.append(" ".join([str(numbers[row["category_id"]]), *shares]) + "\n")
        _put(folder, "labels", PurePosixPath(image["file_name"]), ".txt", "".join(lines))
    splits = {name: f"images/{name}" for name in _SPLITS if (folder / "images" / name).is_dir()}
    names = [row["name"] for row in document["categories"]]
    content = {"train": "images", "val": splits.get("train", "images"), **splits, "names": names}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


_WRITERS: dict[str, Callable[[Path, dict[str, Any], Counter[str]], None]] = {
    "coco": _write_coco,
    "voc": _write_voc,
    "yolo": _write_yolo,
}


def _by_image(document: dict[str, Any]) -> list[tuple[dict[str, Any], Rows]]:
    rows: dict[Any, Rows] = defaultdict(list)
    for row in document["annotations"]:
        rows[row["image_id"]].append(row)
    return [(image, rows[image["id"]]) for image in document["images"]]


def _segmented(document: dict[str, Any]) -> int:
    return sum(bool(row["segmentation"]) for row in document["annotations"])


def _outline(row: dict[str, Any]) -> list[float]:
    """The points of an object's only polygon; empty if it has none or several."""
    parts = row["segmentation"] if isinstance(row["segmentation"], list) else []
    return list(parts[0]) if len(parts) == 1 and isinstance(parts[0], list) else []


def _add(element: ElementTree.Element, **texts: Any) -> None:
    for key, text in texts.items():
        ElementTree.SubElement(element, key).text = str(text)


def _put(folder: Path, kind: str, image: PurePosixPath, suffix: str, text: str) -> None:
    path = folder / PurePosixPath(kind, *image.parts[1:]).with_suffix(suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
