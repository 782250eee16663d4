"""Where the pictures of one domain and their maps come from: folder, COCO set, paths, arrays."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refinezoo.data.depth import read_depth
from refinezoo.data.images import IMAGE_SUFFIXES, list_images, read_image, read_mask
from refinezoo.data.masks import as_foreground_mask
from refinezoo.errors import RefinezooError

MaskFunction = Callable[[np.ndarray], np.ndarray]
MAPS = ("foreground_mask", "depth_m")  # resized by nearest, so that no value is made up
_log = logging.getLogger(__name__)


class Pictures:
    """The pictures (with foreground masks and depth) of one domain, in memory when they fit.

    A picture is kept no larger than training needs: its shorter side is at most `short_side`.

    Args:
        source: folder of pictures; COCO folder (with `images/`) or annotations file; `CocoDataset`;
            array uint8 [N, H, W, 3]; or a list of files, folders or arrays [H, W, 3].
        masks: makes a foreground mask of a picture that has no mask file.
        short_side: pixels.
        budget: bytes of memory for decoded pictures; beyond that they are read when needed.
        resize_masks: bring masks of another size to their picture's instead of refusing them.
        domain: "synthetic" or "real", for messages.

    Raises:
        RefinezooError: no pictures, unreadable ones, masks missing for some, wrong arrays.
    """

    def __init__(
        self,
        source: Any,
        masks: MaskFunction | None,
        short_side: int,
        budget: int,
        resize_masks: bool,
        domain: str,
    ) -> None:
        self.items = _items(source, domain)
        self.masks = masks
        self.short_side = short_side
        self.resize_masks = resize_masks
        self.domain = domain
        self.mask_files = self._beside("foreground_masks", (".png",), masks is not None)
        self.depth_files = self._beside("depth", (".png", ".npy"))
        first = self._load(0)
        self.keys = tuple(first)
        weight = sum(array.nbytes for array in first.values()) * len(self.items)
        self.memory: list | None = None
        if weight <= budget:
            self.memory = [first, *(self._load(k) for k in range(1, len(self.items)))]
        else:
            _log.info(
                "%d %s pictures would take %.1f GB, more than the budget of %.1f GB: they are "
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

        `foreground_mask` is uint8 [h, w], 1 = object; `depth_m` float32 [h, w], 0 = missing.
        """
        return self.memory[index] if self.memory is not None else self._load(index)

    def _load(self, index: int) -> dict[str, np.ndarray]:
        item, mask, depth = self.items[index], self.mask_files[index], self.depth_files[index]
        image = read_image(item) if isinstance(item, Path) else item
        height, width = image.shape[:2]
        found = {"image": image}
        if mask is not None:
            found["foreground_mask"] = as_foreground_mask(
                read_mask(mask), height, width, resize=self.resize_masks, name=str(mask)
            )[..., 0].astype(np.uint8)
        elif self.masks is not None:
            found["foreground_mask"] = as_foreground_mask(
                self.masks(image), height, width, name=f"the mask made for {_name(item)}"
            )[..., 0].astype(np.uint8)
        if depth is not None:
            found["depth_m"] = read_depth(depth)[..., 0]
            if found["depth_m"].shape != (height, width):
                raise RefinezooError(
                    f"expected depth of the size of its image, {height} x {width}, received "
                    f"{list(found['depth_m'].shape)} in {depth}. Render both at one size."
                )
        scale = self.short_side / min(height, width)
        if scale >= 1:
            return found
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        modes = {key: cv2.INTER_NEAREST_EXACT if key in MAPS else cv2.INTER_AREA for key in found}
        return {
            key: cv2.resize(array, size, interpolation=modes[key]) for key, array in found.items()
        }

    def _beside(
        self, folder: str, suffixes: tuple[str, ...], made: bool = False
    ) -> list[Path | None]:
        """The file of each picture in `folder`, for all or none unless the rest can be `made`."""
        files = [_file_beside(item, folder, suffixes) for item in self.items]
        without = sum(file is None for file in files)
        if not made and 0 < without < len(files):
            remedy = (
                "or pass masks=refinezoo.data.masks.grabcut_mask"
                if folder == "foreground_masks"
                else "or move that folder away"
            )
            raise RefinezooError(
                f"expected a file in {folder}/ for every {self.domain} picture, {without} of "
                f"{len(files)} have none, e.g. {_name(self.items[files.index(None)])}. Add the "
                f"files, {remedy}."
            )
        return files


def _items(source: Any, domain: str) -> list[Path | np.ndarray]:
    if isinstance(source, str | os.PathLike):
        return list(_listed(Path(source)))
    if hasattr(source, "records"):
        return [record.path for record in source.records]
    if isinstance(source, Sequence) or isinstance(source, np.ndarray):
        items: list[Path | np.ndarray] = []
        for item in source:
            if isinstance(item, str | os.PathLike):
                path = Path(item)
                picture = path.suffix.lower() in IMAGE_SUFFIXES and not path.is_dir()
                items.extend([path] if picture else _listed(path))
            else:
                items.append(_checked(item, domain))
        if items:
            return items
    raise RefinezooError(
        f"expected {domain} pictures as a folder, a COCO set, a list of files or uint8 arrays, "
        f"received {'an empty list' if isinstance(source, list) else type(source).__name__}."
    )


def _listed(path: Path) -> list[Path]:
    if path.is_file() and path.suffix.lower() == ".json":
        from refinezoo.data.coco import CocoDataset

        return [record.path for record in CocoDataset.load(path).records]
    return list_images(path / "images" if (path / "images").is_dir() else path)


def _checked(array: Any, domain: str) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise RefinezooError(
            f"expected {domain} arrays uint8 [H, W, 3], RGB, 0 to 255, received {array.dtype} "
            f"{list(array.shape)}. refinezoo.data.read_image converts grey, RGBA and 16-bit files."
        )
    return array


def _file_beside(item: Path | np.ndarray, folder: str, suffixes: tuple[str, ...]) -> Path | None:
    """`folder/NAME.*` beside `images/` or inside the pictures' folder."""
    if isinstance(item, np.ndarray):
        return None
    files = (
        parent / folder / f"{item.stem}{suffix}"
        for parent in (item.parent.parent, item.parent)
        for suffix in suffixes
    )
    return next((file for file in files if file.is_file()), None)


def _name(item: Path | np.ndarray) -> str:
    return str(item) if isinstance(item, Path) else f"an array of {list(item.shape)}"
