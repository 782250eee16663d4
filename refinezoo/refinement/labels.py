"""What lies beside a render and is read, not refined: boxes, foreground masks, depth."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.refinement.layout import RENDER_FOLDERS, Layout

_MASK_FOLDERS = ("foreground_masks", "foreground_mask", "masks", "mask")


def read_boxes(layout: Layout, name: str, width: int, height: int) -> np.ndarray:
    """The labelled boxes of a render, from COCO, VOC or YOLO files.

    Returns:
        `boxes_xyxy`: float32 `[N, 4]`, pixels, clipped to the image; boxes without area left out.
        Empty where there are no labels, or none that can be read.
    """
    if layout.kind == "coco":
        found = [[x, y, x + w, y + h] for x, y, w, h in layout.boxes_xywh.get(name, [])]
    else:
        found = _voc_boxes(layout.root, name) or _yolo_boxes(layout.root, name, width, height)
    boxes = np.asarray(found, np.float32).reshape(-1, 4)
    boxes = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
    return boxes[(boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)]


def read_foreground_mask(layout: Layout, name: str, width: int, height: int) -> np.ndarray | None:
    """The foreground mask beside a render, from `foreground_masks/` or `masks/`; not 0 is object.

    Returns:
        float32 `[H, W]`, 1 = object, 0 = background; None where there is none.

    Raises:
        RefinezooError: the mask cannot be read or has another size than its render.
    """
    for path in _siblings(layout.root, name, _MASK_FOLDERS, (".png", PurePosixPath(name).suffix)):
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path) as image:
                mask = np.asarray(image)
        except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
            raise RefinezooError(f"the foreground mask {path} cannot be read: {error}") from None
        if mask.ndim == 3:
            mask = mask[..., :3].max(axis=-1)
        if mask.shape != (height, width):
            raise RefinezooError(
                f"expected the foreground mask {path} to have the size of its image, "
                f"{width}x{height}, received {mask.shape[1]}x{mask.shape[0]}."
            )
        return (mask > 0).astype(np.float32)
    return None


def read_render_depth(layout: Layout, name: str, width: int, height: int) -> np.ndarray:
    """The depth beside a render, from `depth/`: 16-bit PNG in millimetres or `.npy` in metres.

    Returns:
        float32 `[H, W, 1]`, metres, 0 = no surface.

    Raises:
        RefinezooError: there is none, it cannot be read or has another size than its render.
    """
    from refinezoo.data.depth import read_depth

    path = next(_siblings(layout.root, name, ("depth",), (".png", ".npy")), None)
    if path is None:
        raise RefinezooError(
            f"expected depth beside {name} for a refiner of RGB and depth, received none. Put "
            "depth/NAME.png (16-bit, millimetres) or .npy (metres) beside images/."
        )
    depth = read_depth(path)
    if depth.shape[:2] != (height, width):
        raise RefinezooError(
            f"expected the depth {path} to have the size of its image, {width}x{height}, received "
            f"{depth.shape[1]}x{depth.shape[0]}."
        )
    return depth


def _siblings(
    root: Path, name: str, folders: tuple[str, ...], suffixes: tuple[str, ...]
) -> Iterator[Path]:
    """Existing files with the stem of `name` whose render folder is called one of `folders`."""
    path = PurePosixPath(name)
    places = [i for i, part in enumerate(path.parts[:-1]) if part.lower() in RENDER_FOLDERS]
    for folder in folders:
        if places:
            parts = list(path.parts[:-1])
            parts[places[-1]] = folder
            parent = Path(root, *parts)
        else:
            parent = root / path.parent / folder
        for suffix in suffixes:
            candidate = parent / f"{path.stem}{suffix}"
            if candidate.is_file():
                yield candidate


def _voc_boxes(root: Path, name: str) -> list[list[float]]:
    for path in _siblings(root, name, ("Annotations", "annotations"), (".xml",)):
        try:
            corners = ("xmin", "ymin", "xmax", "ymax")
            return [
                [float(box.findtext(corner, "")) for corner in corners]
                for box in ElementTree.parse(path).iter("bndbox")
            ]
        except (ElementTree.ParseError, ValueError):
            return []
    return []


def _yolo_boxes(root: Path, name: str, width: int, height: int) -> list[list[float]]:
    boxes = []
    for path in _siblings(root, name, ("labels",), (".txt",)):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                values = np.array([float(word) for word in line.split()[1:]])
            except ValueError:
                continue
            if len(values) == 4:
                x, y, w, h = values
                corners = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
            elif len(values) >= 6 and len(values) % 2 == 0:
                xs, ys = values[0::2], values[1::2]
                corners = [xs.min(), ys.min(), xs.max(), ys.max()]
            else:
                continue
            boxes.append([v * s for v, s in zip(corners, [width, height] * 2, strict=True)])
    return boxes
