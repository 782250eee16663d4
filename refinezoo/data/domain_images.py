"""Where the images of one domain and their maps come from: folder, COCO set, paths, arrays."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refinezoo.data.coco import CocoDataset
from refinezoo.data.depth_files import read_depth
from refinezoo.data.formats import list_images, recognise
from refinezoo.data.formats.base import beside
from refinezoo.data.image_size import ImageSize, height_and_width
from refinezoo.data.images import read_image
from refinezoo.data.mask_files import read_class_ids, read_foreground_mask
from refinezoo.data.mask_values import as_foreground_mask
from refinezoo.errors import RefinezooError

MaskFunction = Callable[[np.ndarray], np.ndarray]
MAPS = (
    "foreground_mask",
    "depth_m",
    "class_ids",
)  # resized by nearest, so that no value is made up
_log = logging.getLogger(__name__)


class DomainImages:
    """The images (with foreground masks and depth) of one domain, in memory when they fit.

    An image is kept no larger than training needs: it just covers `largest`.

    Args:
        source: folder of images or of a dataset in any known layout; COCO file; `CocoDataset`;
            pattern; array uint8 [N, H, W, 3]; or a list of files, folders or arrays [H, W, 3].
        masks: makes a foreground mask of an image that has no mask file.
        largest: height and width, or one side, pixels, to which larger images are scaled down, so
            that they cover it in their own proportions.
        budget: bytes of memory for decoded images; beyond that they are read when needed.
        resize_masks: bring masks of another size to their image's instead of refusing them.
        domain: "synthetic" or "real", for messages.
        class_ids: read the class of each pixel as well.

    Raises:
        RefinezooError: no images, unreadable ones, masks missing for some, wrong arrays.
    """

    def __init__(
        self,
        source: Any,
        masks: MaskFunction | None,
        largest: ImageSize,
        budget: int,
        resize_masks: bool,
        domain: str,
        class_ids: bool = False,
    ) -> None:
        found = _found(source, domain)
        self.items, self.sizes, self.depth_unit_m = found.items, found.sizes, found.depth_unit_m
        self.masks = masks
        self.largest = height_and_width(largest)
        self.resize_masks = resize_masks
        self.domain = domain
        self.mask_files = self._complete(found.labels, "foreground_mask", masks is not None)
        self.depth_files = self._complete(found.labels, "depth")
        self.id_files: list[Path | None] = [None] * len(self.items)
        if class_ids:
            self.id_files = self._complete(found.labels, "class_ids", needed=True)
        first = self._load(0)
        self.keys = tuple(first)
        weight = sum(array.nbytes for array in first.values()) * len(self.items)
        self.memory: list | None = None
        if weight <= budget:
            self.memory = [first, *(self._load(k) for k in range(1, len(self.items)))]
        else:
            _log.info(
                "%d %s images would take %.1f GB, more than the budget of %.1f GB: they are "
                "read when needed",
                len(self.items),
                domain,
                weight / 2**30,
                budget / 2**30,
            )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """`image` uint8 [h, w, 3] and, where the domain has them, the maps of `MAPS`.

        `foreground_mask` is uint8 [h, w], 1 = object; `depth_m` float32 [h, w], 0 = missing;
        `class_ids` uint8 [h, w].
        """
        return self.memory[index] if self.memory is not None else self._load(index)

    def _load(self, index: int) -> dict[str, np.ndarray]:
        item, mask, depth = self.items[index], self.mask_files[index], self.depth_files[index]
        image = read_image(item, self.sizes.get(item)) if isinstance(item, Path) else item
        height, width = image.shape[:2]
        found = {"image": image}
        if mask is not None:
            found["foreground_mask"] = read_foreground_mask(
                mask, height, width, resize=self.resize_masks
            )[..., 0].astype(np.uint8)
        elif self.masks is not None:
            found["foreground_mask"] = as_foreground_mask(
                self.masks(image), height, width, name=f"the mask made for {_name(item)}"
            )[..., 0].astype(np.uint8)
        if depth is not None:
            found["depth_m"] = read_depth(depth, self.depth_unit_m)[..., 0]
            if found["depth_m"].shape != (height, width):
                raise RefinezooError(
                    f"expected depth of the size of its image, {height} x {width}, received "
                    f"{list(found['depth_m'].shape)} in {depth}. Render both at one size."
                )
        if (ids := self.id_files[index]) is not None:
            found["class_ids"] = read_class_ids(ids)
            if found["class_ids"].shape != (height, width):
                raise RefinezooError(
                    f"expected class ids of the size of their image, {height} x {width}, received "
                    f"{list(found['class_ids'].shape)} in {ids}. Export both at one size."
                )
        scale = max(self.largest[0] / height, self.largest[1] / width)
        if scale >= 1:
            return found
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        modes = {key: cv2.INTER_NEAREST_EXACT if key in MAPS else cv2.INTER_AREA for key in found}
        return {
            key: cv2.resize(array, size, interpolation=modes[key]) for key, array in found.items()
        }

    def _complete(
        self,
        labels: dict[str, dict[Path, Path]],
        kind: str,
        made: bool = False,
        needed: bool = False,
    ) -> list[Path | None]:
        """The label file of each image, for all or none unless the rest can be `made`.

        All of them where they are `needed`.
        """
        known = labels.get(kind, {})
        files = [known.get(item) if isinstance(item, Path) else None for item in self.items]
        without = sum(file is None for file in files)
        if not made and without and (needed or without < len(files)):
            folder, remedy = {
                "foreground_mask": (
                    "foreground_masks/",
                    "or pass masks=refinezoo.data.masks.grabcut_mask (masks: grabcut)",
                ),
                "depth": ("depth/", "or move that folder away"),
                "class_ids": ("masks/", "or train without class ids"),
            }[kind]
            raise RefinezooError(
                f"expected a file in {folder} for every {self.domain} image, {without} of "
                f"{len(files)} have none, e.g. {_name(self.items[files.index(None)])}. Add the "
                f"files, {remedy}."
            )
        return files


@dataclass
class _Found:
    """The images of a source, and what is known of the files among them."""

    items: list[Path | np.ndarray] = field(default_factory=list)
    labels: dict[str, dict[Path, Path]] = field(default_factory=dict)
    sizes: dict[Path, tuple[int, int]] = field(default_factory=dict)
    depth_unit_m: float = 0.001

    def add_dataset(self, path: Path) -> None:
        layout = recognise(path)
        self.items += layout.images()
        for note in layout.notes:
            _log.warning("%s: %s", path, note)
        self.depth_unit_m = layout.depth_unit_m
        for name in layout.renders:
            if size := layout.size(name):
                self.sizes[path / name] = size
        for kind, files in layout.labels.items():
            known = self.labels.setdefault(kind, {})
            known.update({path / name: path / file for name, file in files.items()})

    def add_coco(self, dataset: Any) -> None:
        self.items += [record.path for record in dataset.records]
        self.sizes |= {record.path: (record.width, record.height) for record in dataset.records}

    def add(self, path: Path) -> None:
        if path.is_dir():
            self.add_dataset(path)
        elif path.suffix.lower() == ".json":
            self.add_coco(CocoDataset.load(path))
        else:
            self.items += list_images(path)


def _found(source: Any, domain: str) -> _Found:
    found = _Found()
    if isinstance(source, str | os.PathLike):
        found.add(Path(source))
    elif hasattr(source, "records"):
        found.add_coco(source)
    elif isinstance(source, Sequence) or isinstance(source, np.ndarray):
        for item in source:
            if isinstance(item, str | os.PathLike):
                found.add(Path(item))
            else:
                found.items.append(_checked(item, domain))
    if not found.items:
        raise RefinezooError(
            f"expected {domain} images as a folder, a COCO set, a list of files or uint8 arrays, "
            f"received {'an empty list' if isinstance(source, list) else type(source).__name__}."
        )
    files = [item for item in found.items if isinstance(item, Path)]
    for kind, known in beside(files).items():
        found.labels[kind] = known | found.labels.get(kind, {})
    depth = found.labels["depth"]
    if any(file.suffix.lower() == ".exr" for file in depth.values()) and not find_spec("OpenEXR"):
        _log.warning(
            "depth in OpenEXR is not read: `pip install 'refinezoo[exr]'` to train with it"
        )
        found.labels["depth"] = {}
    return found


def _checked(array: Any, domain: str) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise RefinezooError(
            f"expected {domain} arrays uint8 [H, W, 3], RGB, 0 to 255, received {array.dtype} "
            f"{list(array.shape)}. refinezoo.data.read_image converts grey, RGBA and 16-bit files."
        )
    return array


def _name(item: Path | np.ndarray) -> str:
    return str(item) if isinstance(item, Path) else f"an array of {list(item.shape)}"
