"""Which files of a dataset tree are renders; everything else is carried over byte for byte."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.workshop import MARKS

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
RENDER_FOLDERS = frozenset(
    "images image jpegimages rgb renders render imgs img color colour frames".split()
)
LABEL_FOLDERS = frozenset(
    "masks mask foreground_masks foreground_mask backgrounds background annotations labels label "
    "segmentation segmentations segmentationclass segmentationobject semantic instance instances "
    "depth depths disparity normals normal flow optical_flow albedo".split()
)
_LABEL_WORDS = frozenset(
    "mask masks depth seg segmentation semantic instance normal normals label labels disparity "
    "flow".split()
)


@dataclass
class Layout:
    """A dataset tree, sorted into renders and the rest.

    Attributes:
        root: the tree.
        kind: `"coco"`, `"voc"`, `"yolo"` or `"folders"`: how the renders were found.
        renders: POSIX paths below `root` of the images to refine.
        carried: POSIX paths of all other files.
        missing: images that a COCO file names and the tree lacks.
        boxes_xywh: per render the COCO boxes `[x, y, width, height]` in pixels; `"coco"` only.
        notes: what was assumed, in words.
    """

    root: Path
    kind: str
    renders: list[str]
    carried: list[str]
    missing: list[str] = field(default_factory=list)
    boxes_xywh: dict[str, list[list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find_renders(source: str | os.PathLike) -> Layout:
    """Finds the renders of a dataset tree.

    Renders are the files that its COCO files name; without a COCO file the images in folders called
    `images`, `JPEGImages`, `rgb` and the like; without such folders all images except those whose
    folder, name (`0001_depth.png`) or pixels (16-bit grey, palette) mark them as labels.

    Raises:
        RefinezooError: no such folder, no renders in it, or a COCO file that cannot be read or
            names files outside the tree.
    """
    root = Path(source)
    if not root.is_dir():
        raise RefinezooError(
            f"expected a dataset folder, received {str(source)!r}, which is no folder."
        )
    files = sorted(
        PurePosixPath(path.relative_to(root)).as_posix()
        for path in root.rglob("*")
        if path.is_file() and path.name not in MARKS
    )
    read = ((name, _read_coco(root / name)) for name in files if name.lower().endswith(".json"))
    documents = {name: document for name, document in read if document}
    layout = _from_coco(root, files, documents) if documents else _from_folders(root, files)
    chosen = set(layout.renders)
    layout.carried = [name for name in files if name not in chosen]
    if not layout.renders and not layout.missing:
        raise RefinezooError(
            f"found no renders in {str(source)!r} ({len(files)} files). Expected images named by a "
            f"COCO file, or in a folder called images/, JPEGImages/ or rgb/, or directly in it; of "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}."
        )
    return layout


def _read_coco(path: Path) -> dict[str, Any] | None:
    """The document, if it is COCO: an object with a list `images` of objects with `file_name`."""
    content = path.read_bytes()
    if b'"file_name"' not in content or b'"images"' not in content:
        return None
    try:
        document = json.loads(content)
    except ValueError as error:
        raise RefinezooError(f"expected a COCO file, {path} is no JSON: {error}") from None
    images = document.get("images") if isinstance(document, dict) else None
    if not isinstance(images, list) or not all(
        isinstance(image, dict) and isinstance(image.get("file_name"), str) for image in images
    ):
        return None
    return document


def _from_coco(root: Path, files: list[str], documents: dict[str, dict[str, Any]]) -> Layout:
    known, boxes, missing = set(files), dict[str, list[list[float]]](), dict[str, None]()
    for name, document in documents.items():
        by_id: dict[Any, str] = {}
        folders = _coco_folders(PurePosixPath(name), known)
        for image in document["images"]:
            file_name = image["file_name"].replace("\\", "/")
            if PurePosixPath(file_name).is_absolute() or ".." in PurePosixPath(file_name).parts:
                raise RefinezooError(
                    f"{root / name} names {image['file_name']!r}, which is outside the dataset. "
                    "Expected paths below it."
                )
            found = _find(file_name, folders, known)
            if found is None:
                missing[file_name] = None
                continue
            by_id[image.get("id")] = found
            boxes.setdefault(found, [])
        for annotation in document.get("annotations") or []:
            box = annotation.get("bbox")
            image_name = by_id.get(annotation.get("image_id"))
            if image_name and box and len(box) == 4 and not annotation.get("iscrowd"):
                boxes[image_name].append([float(value) for value in box])
    layout = Layout(root, "coco", sorted(boxes), [], missing=list(missing), boxes_xywh=boxes)
    spare = sum(
        PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
        and PurePosixPath(name).parts[0].lower() in RENDER_FOLDERS
        and name not in boxes
        for name in files
    )
    if spare:
        layout.notes.append(f"{spare} images that no COCO file names are carried unrefined")
    return layout


def _coco_folders(document: PurePosixPath, known: set[str]) -> list[str]:
    """Where the images of a COCO file may lie, nearest first; also `train2017/` and the like."""
    parents = [document.parent, document.parent.parent, PurePosixPath(".")]
    splits = [part for part in re.split(r"[_.]", document.stem) if part]
    folders = []
    for parent in parents:
        for middle in ("", "images"):
            base = parent / middle
            folders += [base, *(base / split for split in splits)]
    return [folder.as_posix() for folder in dict.fromkeys(folders)]


def _find(file_name: str, folders: list[str], known: set[str]) -> str | None:
    for folder in folders:
        candidate = (PurePosixPath(folder) / file_name).as_posix()
        if candidate in known:
            return candidate
    return None


def _from_folders(root: Path, files: list[str]) -> Layout:
    images = [PurePosixPath(name) for name in files]
    images = [path for path in images if path.suffix.lower() in IMAGE_SUFFIXES]
    folders = {path: {part.lower() for part in path.parts[:-1]} for path in images}
    unlabelled = [path for path in images if not folders[path] & LABEL_FOLDERS]
    named = [path for path in unlabelled if folders[path] & RENDER_FOLDERS]
    candidates = named or unlabelled
    stems = {(path.parent, path.stem) for path in candidates}
    renders = [path for path in candidates if not _is_label(path, stems, flat=not named)]
    notes = []
    if not named:
        looks = [path for path in renders if _holds_labels(root / path)]
        if looks:
            notes.append(f"{len(looks)} 16-bit grey or palette PNGs are taken for labels")
            renders = [path for path in renders if path not in set(looks)]
    parts = {part.lower() for name in files for part in PurePosixPath(name).parts[:-1]}
    kind = "folders"
    if "jpegimages" in parts:
        kind = "voc"
    elif "labels" in parts and any(name.endswith(".txt") for name in files):
        kind = "yolo"
    return Layout(root, kind, [path.as_posix() for path in renders], [], notes=notes)


def _is_label(path: PurePosixPath, stems: set[tuple[PurePosixPath, str]], flat: bool) -> bool:
    """Whether the name says label: `0001_mask` beside `0001`; in a flat folder also `depth_1`."""
    words = re.split(r"[_\-.]", path.stem)
    if len(words) < 2:
        return False
    if words[-1].lower() in _LABEL_WORDS:
        return flat or (path.parent, path.stem[: -len(words[-1]) - 1]) in stems
    return flat and words[0].lower() in _LABEL_WORDS


def _holds_labels(path: Path) -> bool:
    with open(path, "rb") as file:
        header = file.read(26)
    if len(header) < 26 or not header.startswith(b"\x89PNG"):
        return False
    depth, colour = header[24], header[25]
    return colour == 3 or (colour == 0 and depth == 16)
