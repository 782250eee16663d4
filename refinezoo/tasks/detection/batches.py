"""Training batches of a detector from a COCO dataset."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from refinezoo.data.epochs import EpochBatches
from refinezoo.data.letterbox import GREY, squared
from refinezoo.errors import RefinezooError
from refinezoo.tasks.detection.augmentation import Augmentation, look_through
from refinezoo.tasks.detection.mosaic import mosaic
from refinezoo.tasks.detection.objects import checked_objects

_MOSAIC = 4  # images


class DetectionBatches(EpochBatches):
    """(images, targets) batches for `fit`, augmented, seeded per sample.

    The image a sample gets depends on `seed`, the epoch and its position only, so that a resumed
    training (`initial_epoch`) sees what an uninterrupted one would have seen.

    Args:
        dataset: `refinezoo.data.coco.CocoDataset`, or anything with its `records`, `class_names`
            and `read(i)`.
        detector: the `Detector` to train: gives the size, the classes and the encoding.
        batch_size: images per batch.
        augmentation: an `Augmentation`; None gives the plain warped images.
        steps: batches per epoch, whatever the dataset's size (each image comes once before any
            comes again); None makes an epoch one pass.
        seed: of order and augmentation.
        shuffle: False keeps the dataset's order.
        initial_epoch: number of the first epoch.
        ignore_regions: treat the records' `ignore_regions` as crowd boxes of every class.
        cache_side: images are decoded once and kept in memory with at most this many times the
            detector's side, so that crops stay sharp; a 128 pixel detector takes 0.1 MB an image.
        cache_budget: bytes of memory for that; what does not fit is read anew.
        online: refines each image anew when it is drawn, `(image, number) -> image` of the same
            size; the number counts what was drawn before. See `refinezoo.tasks.online`.
        sizes: train on images of these sides in turn, for a detector with a `size_step`: each
            batch has one of them, and all come equally often. None gives the detector's own size.
        **kwargs: `workers`, `max_queue_size` of `keras.utils.PyDataset`.

    Raises:
        RefinezooError: for an empty dataset, a class the detector does not know, NaN boxes, or
            sizes that the detector cannot take.
    """

    def __init__(
        self,
        dataset,
        detector,
        batch_size: int = 32,
        *,
        augmentation: Augmentation | None = Augmentation(),  # noqa: B008 (frozen)
        steps: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        initial_epoch: int = 0,
        ignore_regions: bool = True,
        cache_side: float = 1.5,
        cache_budget: int = 2 << 30,
        sizes: Sequence[int] | None = None,
        online: Callable[[np.ndarray, int], np.ndarray] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(initial_epoch, **kwargs)
        if len(dataset.records) == 0:
            raise RefinezooError(
                "expected a dataset with one or more images to train on, received an empty one. "
                "Check the split or subset it was made from."
            )
        if batch_size < 1 or (steps is not None and steps < 1):
            raise RefinezooError(
                "expected batch_size and steps of 1 or more, received "
                f"batch_size={batch_size}, steps={steps}."
            )
        self.dataset = dataset
        self.detector = detector
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.steps = steps or -(-len(dataset.records) // batch_size)
        self.whole_batches = steps is not None
        self.seed = seed
        self.shuffle = shuffle
        self.cache_side = cache_side
        self.cache_budget = cache_budget
        self.online = online
        self.sizes = _checked_sizes(sizes, detector, self.steps)
        self._cache: dict[int, np.ndarray] = {}
        self._orders: dict[int, np.ndarray] = {}
        self._targets = checked_objects(dataset, detector, ignore_regions)

    def __len__(self) -> int:
        """Batches per epoch."""
        return self.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 [B, S, S, 3] and the detector's targets [B, A, ...]."""
        size = self._size(index)
        first = (self.epoch * self.steps + index) * self.batch_size
        positions = range(first, first + self.batch_size)
        if not self.whole_batches:
            count = len(self.dataset.records)
            start = index * self.batch_size
            stop = min(start + self.batch_size, count)
            positions = range(self.epoch * count + start, self.epoch * count + stop)
        samples = [self._sample(position, size) for position in positions]
        images, targets = zip(*samples, strict=True)
        return np.stack(images), np.stack(targets)

    def _size(self, index: int) -> int:
        # Keras learns from the first two batches which axes vary: these two have different sizes.
        turn, position = divmod(index, len(self.sizes))
        order = np.random.default_rng([self.seed, self.epoch, turn, 2]).permutation(self.sizes)
        return int(order[position])

    def _sample(self, position: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng([self.seed, position])
        first = position * _MOSAIC
        image, boxes, labels, crowd = self._augmented(self._item(position), size, random, first)
        # Drawn last: without a mosaic the other draws are what they were.
        if self.augmentation is not None and random.random() < self.augmentation.mosaic:
            tiles = [(image, boxes, labels, crowd)]
            more = random.integers(0, len(self.dataset.records), _MOSAIC - 1)
            for number, item in enumerate(more, start=first + 1):
                tiles.append(self._augmented(int(item), size, random, number))
            image, boxes, labels, crowd = mosaic(tiles, size, random)
        shape = {} if self.detector.size_step is None else {"image_size": size}
        return image, self.detector.encode(boxes / np.float32(size), labels, crowd, **shape)

    def _augmented(self, item: int, size: int, random: np.random.Generator, number: int):
        """One image with its boxes in pixels, labels and crowd, in a square of that side."""
        image = self._image(item)
        if self.online is not None:
            image = self._sharp_enough(self.online(image, number))
        fractions, labels, crowd = self._targets[item]
        height, width = image.shape[:2]
        boxes = fractions * np.array([width, height, width, height], "float32")
        letterbox = self.detector.letterbox
        if self.augmentation is not None:
            return self.augmentation(image, boxes, labels, crowd, size, random, letterbox)
        window = np.array([0, 0, width, height], "float64")
        if letterbox:
            image, boxes = look_through(image, boxes, squared(window), size, fill=GREY)
        else:
            image, boxes = look_through(image, boxes, window, size)
        return image, boxes, labels, crowd

    def _item(self, position: int) -> int:
        round_, index = divmod(position, len(self.dataset.records))
        return int(self._order(round_)[index])

    def _order(self, round_: int) -> np.ndarray:
        if round_ not in self._orders:
            count = len(self.dataset.records)
            random = np.random.default_rng([self.seed, round_, 1])
            self._orders = {k: v for k, v in self._orders.items() if k >= round_ - 1}
            self._orders[round_] = random.permutation(count) if self.shuffle else np.arange(count)
        return self._orders[round_]

    def _image(self, item: int) -> np.ndarray:
        image = self._cache.get(item)
        if image is None:
            image = self.dataset.read(item)
            if self.online is None:  # which refines renders at the size they have
                image = self._sharp_enough(image)
            if self.cache_budget >= image.nbytes:
                self.cache_budget -= image.nbytes
                self._cache[item] = image
        return image

    def _sharp_enough(self, image: np.ndarray) -> np.ndarray:
        """An image no larger than `cache_side` asks for."""
        longest, most = max(image.shape[:2]), int(self.cache_side * max(self.sizes))
        if longest <= most:
            return image
        height, width = (max(1, round(side * most / longest)) for side in image.shape[:2])
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _checked_sizes(sizes, detector, steps: int) -> list[int]:
    if sizes is None:
        return [detector.image_size]
    step = detector.size_step
    if step is None:
        raise RefinezooError(
            f"expected a detector whose network takes several sizes, received a "
            f"{type(detector).__name__}, which sees {detector.image_size} pixels. Leave sizes out."
        )
    sizes = list(sizes)
    wrong = [size for size in sizes if size != int(size) or size < step or size % step]
    if not sizes or wrong or len(set(sizes)) < len(sizes):
        raise RefinezooError(
            f"expected sizes as different multiples of {step} pixels, received {sizes}."
        )
    if steps < min(2, len(sizes)):
        raise RefinezooError(
            f"expected 2 or more batches an epoch for sizes={sizes}, received {steps}. "
            "Give steps, or a smaller batch_size."
        )
    return [int(size) for size in sizes]
