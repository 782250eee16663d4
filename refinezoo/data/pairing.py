"""Unpaired batches of synthetic and real images, for any Keras backend."""

import os
from typing import Any

import numpy as np

from refinezoo.data.augmentation import Augmentation
from refinezoo.data.domain_images import MaskFunction
from refinezoo.data.epochs import EpochBatches
from refinezoo.data.image_size import ImageSize
from refinezoo.data.labels import Labels, read_labels
from refinezoo.data.matching import MatchedCrops
from refinezoo.data.sampler import Encode, UnpairedSampler
from refinezoo.errors import RefinezooError


class UnpairedImages(EpochBatches):
    """Batches `{"synthetic": {"image", "foreground_mask"}, "real": {...}}`; see `unpaired`."""

    def __init__(
        self,
        sampler: UnpairedSampler,
        batch_size: int,
        steps: int | None,
        initial_epoch: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(initial_epoch, **kwargs)
        self.sampler = sampler
        self.batch_size = batch_size
        self.steps = steps or -(-max(map(len, sampler.domains)) // batch_size)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> dict[str, dict[str, np.ndarray]]:
        if not 0 <= index < self.steps:
            raise IndexError(f"expected a batch from 0 to {self.steps - 1}, received {index}")
        first = (self.epoch * self.steps + index) * self.batch_size
        return self.sampler.batch(first, self.batch_size)


def unpaired(
    synthetic: Any,
    real: Any,
    image_size: ImageSize = 128,
    batch_size: int = 1,
    crop: str = "random",
    augment: bool | Augmentation = True,
    seed: int = 0,
    steps: int | None = None,
    *,
    masks: MaskFunction | None = None,
    resize_masks: bool = False,
    memory_budget: int = 2 << 30,
    labels: Labels | str | os.PathLike | None = None,
    matched_crops: MatchedCrops | None = None,
    class_ids: bool = False,
    encode: Encode | None = None,
    initial_epoch: int = 0,
    **kwargs,
) -> UnpairedImages:
    """Unpaired training batches of two domains, balanced, reshuffled each epoch, seeded.

    Args:
        synthetic: folder of images, COCO folder or file, `CocoDataset`, list of files, folders
            or arrays, or an array uint8 [N, H, W, 3].
        real: the same.
        image_size: height and width of the crops, or one side, pixels.
        batch_size: images of each domain in a batch.
        crop: "random" (a window of 0.9 to 1 times the largest one of these proportions, scaled),
            "centre" (the largest one, in the middle) or "resize" (the whole image, its shape not
            kept).
        augment: True mirrors half of the images; or an `Augmentation`.
        seed: of order, windows and augmentation.
        steps: batches per epoch; None makes the larger domain come once.
        masks: function image -> foreground mask for images without a file in
            `foreground_masks/`, e.g. `grabcut_mask` or `BackgroundTemplates(...)`.
        resize_masks: bring masks of another size to their image's (nearest, logged).
        memory_budget: bytes for decoded images; what does not fit is read when needed.
        labels: CSV file of the renders' classes (and rotations), as `read_labels` reads it.
        matched_crops: show pairs of crops of alike content instead of `crop`, see `MatchedCrops`;
            `sampler.matches.report()` of what is returned says what has no counterpart.
        class_ids: give the class of each pixel of the renders as well, from `masks/`.
        encode: `encode` of a detector: renders of a COCO set come with its targets.
        initial_epoch: where in the stream to start, to resume a training.
        **kwargs: `workers`, `max_queue_size`, ... of `keras.utils.PyDataset`.

    Returns:
        A `keras.utils.PyDataset` of `{"synthetic": {"image": uint8 [B, H, W, 3],
        "foreground_mask": float32 [B, H, W, 1], 1 = object, "depth_m": float32 [B, H, W, 1], 0 =
        missing}, "real": {...}}`, with `labels` also "label" int32 [B] and "quaternion" float32
        [B, 4] of the renders. Masks lie in `foreground_masks/`, depth in `depth/` (16-bit PNG
        in millimetres or `.npy` in metres) beside `images/`; a domain without them has none.
        With `class_ids` "class_ids" uint8 [B, H, W, 1], with `encode` "targets" of the renders.

    Raises:
        RefinezooError: no or unreadable images, maps missing for some, impossible arguments.
    """
    _check_batches(batch_size, steps)
    if labels is not None and not isinstance(labels, Labels):
        labels = read_labels(labels)
    sampler = UnpairedSampler(
        synthetic,
        real,
        image_size=image_size,
        crop=crop,
        augment=augment,
        seed=seed,
        masks=masks,
        resize_masks=resize_masks,
        memory_budget=memory_budget,
        labels=labels,
        matched_crops=matched_crops,
        class_ids=class_ids,
        encode=encode,
    )
    return UnpairedImages(sampler, batch_size, steps, initial_epoch, **kwargs)


def _check_batches(batch_size: int, steps: int | None) -> None:
    if batch_size < 1 or (steps is not None and steps < 1):
        raise RefinezooError(
            f"expected batch_size and steps of 1 or more, received {batch_size} and {steps}."
        )
