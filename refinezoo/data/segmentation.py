"""Masks of class ids on disk and in batches: uint8, a class for every pixel."""

import os
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from refinezoo.config import Share
from refinezoo.data.augmentation import Record, crop, flip, photometric, resize
from refinezoo.data.formats import recognise
from refinezoo.data.image_size import ImageSize, height_and_width
from refinezoo.data.images import read_image
from refinezoo.data.mask_files import Colours, read_class_ids
from refinezoo.errors import RefinezooError

_MEAN_RGB = (123, 117, 104)  # what lies beside an image: DeepLab subtracts it, and sees zeros


def read_segmentation_folder(
    folder: str | os.PathLike,
    image_size: ImageSize | None = None,
    *,
    stems: Collection[str] | None = None,
    colours: Colours | None = None,
) -> dict[str, np.ndarray]:
    """Reads the images of a dataset with their masks of class ids into memory.

    Args:
        folder: holds `images/` and `masks/`, or is laid out as docs/datasets.md lists.
        image_size: height and width, or one side, to scale to (images by area, masks by nearest);
            None keeps the files' size, which must then be one.
        stems: names of the images to read, without suffix; None is all.
        colours: of coloured masks, the class id of each RGB colour.

    Returns:
        `image` uint8 [N, H, W, 3] and `class_ids` uint8 [N, H, W], in the order of the names.

    Raises:
        RefinezooError: an image without a mask, of another size, or a stem without an image.
    """
    layout = recognise(folder)
    paths = [p for p in layout.images() if stems is None or p.stem in stems]
    missing = sorted(set(stems or ()) - {path.stem for path in paths})
    if missing or not paths:
        raise RefinezooError(
            f"expected images {missing[:3] or 'named by stems'} in {folder}, received "
            "none of that name."
        )
    records = []
    for path in paths:
        name = path.relative_to(layout.root).as_posix()
        file = layout.label("class_ids", name)
        if file is None:
            wanted = layout.root / "masks" / f"{path.stem}.png"
            raise RefinezooError(f"expected the mask {wanted} of {path}, received no file.")
        image = read_image(path, layout.size(name))
        record = {"image": image, "class_ids": read_class_ids(file, colours)[..., None]}
        if record["image"].shape[:2] != record["class_ids"].shape[:2]:
            raise RefinezooError(
                f"expected a mask of the size of its image, received {path} "
                f"{list(record['image'].shape[:2])} and {file} "
                f"{list(record['class_ids'].shape[:2])}. Export both at one size."
            )
        records.append(resize(record, *height_and_width(image_size)) if image_size else record)
    sizes = {record["image"].shape for record in records}
    if len(sizes) > 1:
        raise RefinezooError(
            f"expected images of one size in {folder}, received {sorted(sizes)}. Pass image_size."
        )
    return {
        "image": np.stack([record["image"] for record in records]),
        "class_ids": np.stack([record["class_ids"][..., 0] for record in records]),
    }


@dataclass(frozen=True)
class SegmentationAugmentation:
    """Joint augmentation of image and mask as DeepLab's: scale, crop, mirror.

    Attributes:
        scale: smallest and largest zoom.
        crop: height and width of what is cut out; None is the image's. Where the zoomed image
            is smaller, its right and lower rest is grey and ignored.
        flip: chance of mirroring.
        ignore_id: id of pixels outside of the image.
        brightness: largest relative change.
        contrast: largest relative change.
        saturation: largest relative change.
    """

    scale: tuple[PositiveFloat, PositiveFloat] = (0.5, 1.5)
    crop: tuple[PositiveInt, PositiveInt] | None = None
    flip: Share = 0.5
    ignore_id: int = 255
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0

    def __call__(self, record: Record, rng: np.random.Generator) -> Record:
        """A randomly changed record (`image` [H, W, 3], `class_ids` [H, W, 1]), of `crop` size."""
        size = record["image"].shape[:2]
        height, width = self.crop or size
        zoom, down, right, mirror, *light = rng.uniform(size=7)
        zoom = self.scale[0] + (self.scale[1] - self.scale[0]) * zoom
        record = resize(record, *(max(1, round(side * zoom)) for side in size))
        if self.brightness or self.contrast or self.saturation:
            spans = (self.brightness, self.contrast, self.saturation)
            changes = [1 + (2 * x - 1) * s for x, s in zip(light, spans, strict=True)]
            record = photometric(record, *changes)
        record = self._padded(record, height, width)
        free = [
            side - kept
            for side, kept in zip(record["image"].shape[:2], (height, width), strict=True)
        ]
        y, x = (int(share * (rest + 1)) for share, rest in zip((down, right), free, strict=True))
        record = crop(record, x, y, width, height)
        return flip(record) if mirror < self.flip else record

    def _padded(self, record: Record, height: int, width: int) -> Record:
        found = record["image"].shape[:2]
        h, w = max(height, found[0]), max(width, found[1])
        if (h, w) == found:
            return record
        image = np.full((h, w, 3), _MEAN_RGB, np.uint8)
        class_ids = np.full((h, w, 1), self.ignore_id, record["class_ids"].dtype)
        image[: found[0], : found[1]] = record["image"]
        class_ids[: found[0], : found[1]] = record["class_ids"]
        return {**record, "image": image, "class_ids": class_ids}
