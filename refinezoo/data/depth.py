"""Depth maps on disk and in batches: float32 metres, 0 = missing."""

import os
from collections.abc import Callable, Collection
from typing import Any

import cv2
import numpy as np

from refinezoo.data.augmentation import Record, resize
from refinezoo.data.depth_files import DEPTH_SUFFIXES, read_depth
from refinezoo.data.epochs import EpochBatches
from refinezoo.data.formats import recognise
from refinezoo.data.image_size import ImageSize, height_and_width
from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError


def read_depth_folder(
    folder: str | os.PathLike,
    image_size: ImageSize | None = None,
    *,
    unit_m: float | None = None,
    stems: Collection[str] | None = None,
) -> dict[str, np.ndarray]:
    """Reads the images of a dataset with their depth (see `read_depth`) into memory.

    Args:
        folder: holds `images/` and `depth/`, or is laid out as docs/datasets.md lists.
        image_size: height and width, or one side, to scale to (images by area, depth by nearest);
            None keeps the files' size, which must then be one.
        unit_m: metres per step of an integer depth file; None is what the layout has, mostly
            0.001.
        stems: names of the frames to read, without suffix; None is all.

    Returns:
        `image` uint8 [N, H, W, 3] and `depth_m` float32 [N, H, W, 1], metres, 0 = missing; in the
        order of the names.

    Raises:
        RefinezooError: a frame without depth, of another size, or a stem without a frame.
    """
    layout = recognise(folder)
    unit_m = layout.depth_unit_m if unit_m is None else unit_m
    paths = [p for p in layout.images() if stems is None or p.stem in stems]
    missing = sorted(set(stems or ()) - {path.stem for path in paths})
    if missing or not paths:
        raise RefinezooError(
            f"expected frames {missing[:3] or 'named by stems'} in {folder}, received "
            "none of that name."
        )
    records = []
    for path in paths:
        name = path.relative_to(layout.root).as_posix()
        file = layout.label("depth", name)
        if file is None:
            raise RefinezooError(
                f"expected the depth map {layout.root / 'depth' / path.stem} "
                f"({', '.join(DEPTH_SUFFIXES)}) of {path}, received no file."
            )
        image = read_image(path, layout.size(name))
        record = {"image": image, "depth_m": read_depth(file, unit_m)}
        if record["image"].shape[:2] != record["depth_m"].shape[:2]:
            raise RefinezooError(
                f"expected depth of the size of its image, received {path} "
                f"{list(record['image'].shape[:2])} and {file} {list(record['depth_m'].shape[:2])}."
                " Register the depth map to the colour camera first."
            )
        records.append(resize(record, *height_and_width(image_size)) if image_size else record)
    sizes = {record["image"].shape for record in records}
    if len(sizes) > 1:
        raise RefinezooError(
            f"expected images of one size in {folder}, received {sorted(sizes)}. Pass image_size."
        )
    return {key: np.stack([record[key] for record in records]) for key in ("image", "depth_m")}


def resize_depth(depth_m: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scales predicted depth float [B, h, w, 1] without holes bilinearly to [B, H, W, 1]."""
    scaled = [cv2.resize(d, (width, height), interpolation=cv2.INTER_LINEAR) for d in depth_m]
    return np.stack(scaled).reshape(len(depth_m), height, width, 1)


class AugmentedBatches(EpochBatches):
    """Augments each record of other batches; image and depth or mask stay aligned.

    Args:
        batches: a `PyDataset` with `epoch`, such as `UnpairedArrays`, of records (dicts with
            `image`), of dicts of records, or of pairs such as `(images, depth_m)`.
        augmentation: T2Net's is `Augmentation(flip=0.5, rotate=5)`; corners that a rotation
            uncovers are black, their depth missing.
            `data.segmentation.SegmentationAugmentation` is DeepLab's.
        seed: of the draws, which depend on it, on `epoch` and on the batch alone.
        pair: what the arrays of a pair are, as a record names them.
    """

    def __init__(
        self,
        batches: Any,
        augmentation: Callable[[Record, np.random.Generator], Record],
        seed: int = 0,
        pair: tuple[str, str] = ("image", "depth_m"),
    ) -> None:
        super().__init__()
        self.batches, self.augmentation, self.seed, self.pair = batches, augmentation, seed, pair

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        self.batches.epoch = self.epoch
        rng = np.random.default_rng([self.seed, self.epoch, index])
        batch = self.batches[index]
        if isinstance(batch, tuple):
            image, target = self.pair
            several = isinstance(batch[1], dict)
            targets = batch[1] if several else {target: batch[1]}
            record = self._augmented({image: batch[0], **targets}, rng)
            images = record.pop(image)
            return images, record if several else record[target]
        if "image" in batch:
            return self._augmented(batch, rng)
        return {half: self._augmented(records, rng) for half, records in batch.items()}

    def _augmented(self, records: dict[str, np.ndarray], rng: np.random.Generator) -> dict:
        rows = [
            self.augmentation({key: values[i] for key, values in records.items()}, rng)
            for i in range(len(records["image"]))
        ]
        return {key: np.stack([row[key] for row in rows]) for key in records}
