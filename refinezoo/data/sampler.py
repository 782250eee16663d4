"""The stream of samples that unpaired batches are cut from."""

import os
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from refinezoo.data.augmentation import Augmentation, crop
from refinezoo.data.coco import CocoDataset
from refinezoo.data.domain_images import MAPS, DomainImages, MaskFunction
from refinezoo.data.image_size import ImageSize, height_and_width, largest_window
from refinezoo.data.labels import Labels
from refinezoo.data.matching import MatchedCrops, Matches
from refinezoo.errors import RefinezooError, did_you_mean

Encode = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
DOMAINS = ("synthetic", "real")
CROPS = ("random", "centre", "resize")
ZOOM = 286 / 256  # CycleGAN scales to 286 and crops 256


class UnpairedSampler:
    """Sample t of an endless stream, for each domain; depends on nothing but seed and t.

    Each domain goes through its images in a new random order, then in another one, so that both
    give equally many samples (balanced) and every image comes once before any comes again.
    """

    def __init__(
        self,
        synthetic: Any,
        real: Any,
        *,
        image_size: ImageSize,
        crop: str,
        augment: bool | Augmentation,
        seed: int,
        masks: MaskFunction | None,
        resize_masks: bool,
        memory_budget: int,
        labels: Labels | None = None,
        matched_crops: MatchedCrops | None = None,
        class_ids: bool = False,
        encode: Encode | None = None,
    ) -> None:
        if crop not in CROPS:
            raise RefinezooError(
                f"expected crop to be one of {', '.join(CROPS)}, received {crop!r}."
                + did_you_mean(crop, CROPS)
            )
        self.image_size = height, width = height_and_width(image_size)
        if min(height, width) < 8:
            raise RefinezooError(f"expected image_size of 8 pixels or more, received {image_size}.")
        self.crop = crop
        self.augmentation = Augmentation() if augment is True else (augment or None)
        self.seed = seed
        # "resize" shrinks in one step from the full image.
        largest: ImageSize = 1 << 30
        if matched_crops is not None:
            largest = [int(np.ceil(side / matched_crops.window)) for side in self.image_size]
        elif crop != "resize":
            largest = [int(np.ceil(side * ZOOM)) for side in self.image_size]
        self.domains = [
            DomainImages(
                source,
                masks,
                largest,
                memory_budget // 2,
                resize_masks,
                domain,
                class_ids and domain == "synthetic",
            )
            for source, domain in zip((synthetic, real), DOMAINS, strict=True)
        ]
        self.encode, self.objects = encode, _objects(synthetic) if encode else []
        # What each render is, beside its image and maps.
        self.labels = labels.of(self.domains[0].items) if labels else {}
        if "quaternion" in self.labels and self.augmentation is not None:
            raise RefinezooError(
                "expected augment=False (augment: false) with rotations, which a mirrored or "
                "turned image does not keep, received an augmentation."
            )
        self._orders: dict[tuple[int, int], np.ndarray] = {}
        self.matches: Matches | None = None
        if matched_crops is not None:
            self.matches = Matches(self.domains, matched_crops, self._scaled, self.image_size, seed)

    def index(self, domain: int, t: int) -> int:
        """Which image sample t of a domain shows."""
        if self.matches is not None:
            return self.matches.draw(domain, t)[0]
        count = len(self.domains[domain])
        turn, position = divmod(t, count)
        # tf.data asks from several threads, so that self._orders may be another one at every use.
        order = self._orders.get((domain, turn))
        if order is None:
            order = np.random.default_rng([self.seed, domain, turn]).permutation(count)
            others = {k: v for k, v in self._orders.items() if k[0] != domain}
            self._orders = {**others, (domain, turn): order}
        return int(order[position])

    def sample(self, domain: int, t: int) -> dict[str, np.ndarray]:
        """Sample t: `image` uint8 [H, W, 3]; `foreground_mask`, `depth_m` float32 [H, W, 1].

        Of a render also `label` int32 [] and `quaternion` float32 [4], if there are labels.
        """
        record = {}
        for key, array in self.domains[domain][self.index(domain, t)].items():
            window = self._window(array, domain, t)  # the same for all
            record[key] = self._scaled(array, window, nearest=key in MAPS)
            if key in MAPS:
                dtype = array.dtype if key == "class_ids" else np.float32
                record[key] = record[key][..., None].astype(dtype)
        if self.encode is not None and domain == 0:
            record |= self._seen(self.objects[self.index(domain, t)], array.shape, window)
        if self.augmentation is not None:
            rng = np.random.default_rng([self.seed, 1 << 33, domain, t])
            record = self.augmentation(record, rng)
        if self.encode is not None and "boxes_xywh" in record:
            corners = record.pop("boxes_xywh") / np.array([*self.image_size[::-1]] * 2, np.float32)
            corners[:, 2:] += corners[:, :2]
            objects = (record.pop(key) for key in ("labels", "crowd"))
            record["targets"] = self.encode(corners, *objects)
        record = {key: np.ascontiguousarray(value) for key, value in record.items()}
        if domain == 0:
            here = self.index(domain, t)
            record |= {key: values[here] for key, values in self.labels.items()}
        return record

    def batch(self, first: int, size: int) -> dict[str, dict[str, np.ndarray]]:
        """Samples first to first + size - 1 of both domains, stacked."""
        out = {}
        for domain, name in enumerate(DOMAINS):
            samples = [self.sample(domain, t) for t in range(first, first + size)]
            out[name] = {key: np.stack([s[key] for s in samples]) for key in samples[0]}
        return out

    def _window(self, array, domain: int, t: int) -> tuple[int, ...]:
        """Sample t's window, y, x, height and width, in its image."""
        if self.matches is not None:
            return self.matches.draw(domain, t)[1]
        height, width = array.shape[:2]
        if self.crop == "resize":
            return 0, 0, height, width
        h, w = largest_window(height, width, self.image_size)
        if self.crop == "centre":
            return (height - h) // 2, (width - w) // 2, h, w
        rng = np.random.default_rng([self.seed, 1 << 32, domain, t])
        share = rng.uniform(1 / ZOOM, 1.0)
        h, w = max(1, round(h * share)), max(1, round(w * share))
        x = int(rng.integers(width - w + 1))
        return int(rng.integers(height - h + 1)), x, h, w

    def _seen(self, objects, shape, window) -> dict[str, np.ndarray]:
        """Boxes of an image, kept at `shape`, as its window of `image_size` shows them."""
        y, x, h, w = window
        kept = shape[1] / objects.width, shape[0] / objects.height
        seen = crop(
            {
                "image": np.broadcast_to(np.uint8(0), (*shape[:2], 3)),
                "boxes_xywh": objects.boxes_xywh * np.array([*kept, *kept], np.float32),
                "labels": objects.labels,
                "crowd": objects.crowd,
            },
            *(x, y, w, h),
        )
        height, width = self.image_size
        seen["boxes_xywh"] = seen["boxes_xywh"] * np.array([width / w, height / h] * 2, np.float32)
        del seen["image"]
        return seen

    def _scaled(self, array, window: tuple[int, ...], nearest: bool = False) -> np.ndarray:
        (y, x, h, w), (height, width) = window, self.image_size
        mode = cv2.INTER_AREA if h > height or w > width else cv2.INTER_LINEAR
        mode = cv2.INTER_NEAREST_EXACT if nearest else mode
        return cv2.resize(
            np.ascontiguousarray(array[y : y + h, x : x + w]), (width, height), interpolation=mode
        )


def _objects(source: Any) -> list[Any]:
    """The records of a COCO set, in the order of its images."""
    if isinstance(source, str | os.PathLike):
        source = CocoDataset.load(source)
    if not hasattr(source, "records"):
        raise RefinezooError(
            "expected renders as a COCO set (folder, annotations file or CocoDataset) to encode "
            f"their boxes, received {type(source).__name__}."
        )
    return source.records
