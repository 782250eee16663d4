"""Views of objects with class and rotation; the same objects set into photos, under other light."""

import os
from pathlib import Path

import cv2
import numpy as np

from refinezoo.data.formats import list_images
from refinezoo.data.image_size import side_of_square
from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError

KEYS = ("rgb", "mask", "depth_mm", "label", "names", "quat_wxyz")


def load_pose_views(path: str | os.PathLike, image_size: int = 64) -> tuple[dict, list[str]]:
    """Renders on black with class, rotation, mask and depth, and the names of the classes.

    Args:
        path: `.npz` with rgb uint8 [N, H, H, 3], mask bool [N, H, H], depth_mm uint16 [N, H, H] (0
            = no surface), label [N], names [K] and quat_wxyz float [N, 4].
        image_size: side S to which they are resized, pixels.

    Returns:
        `{"image": uint8 [N, S, S, 3], "foreground_mask": float32 [N, S, S, 1], 1 = object,
        "depth_m": float32 [N, S, S, 1], "label": int64 [N], "quaternion": float32 [N, 4]}`, names.

    Raises:
        RefinezooError: no such file, or one without these arrays.
    """
    image_size, path = side_of_square(image_size, "a pose model"), Path(path)
    if not path.is_file():
        raise RefinezooError(f"expected a file of views, received {path}, which does not exist.")
    with np.load(path) as file:
        missing = [key for key in KEYS if key not in file]
        if missing:
            raise RefinezooError(
                f"expected arrays {', '.join(KEYS)} in {path}, received none of the name "
                f"{', '.join(missing)}."
            )
        rgb, mask, depth, label, names, quaternion = (file[key] for key in KEYS)

    def resized(images, method):
        if images.shape[1] == image_size:
            return images
        side = (image_size, image_size)
        return np.stack([cv2.resize(image, side, interpolation=method) for image in images])

    return {
        "image": resized(rgb, cv2.INTER_AREA),
        "foreground_mask": resized(mask.astype(np.float32), cv2.INTER_AREA)[..., None],
        # A mean of a surface and none would be a third place.
        "depth_m": resized(depth.astype(np.float32) / 1000, cv2.INTER_NEAREST)[..., None],
        "label": label.astype(np.int64),
        "quaternion": quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True),
    }, [str(name) for name in names]


def split_views(labels: np.ndarray, test_share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train and to test on: of every class the same share of views, drawn by `seed`."""
    train: list[int] = []
    test: list[int] = []
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        count = round(test_share * len(rows))
        test += rows[:count].tolist()
        train += rows[count:].tolist()
    return np.sort(train), np.sort(test)


def photographed(
    views: dict, photos: str | os.PathLike | list[Path], *, copies: int, seed: int
) -> dict[str, np.ndarray]:
    """The objects of `views`, each set into `copies` photos, under another light each time.

    On the object: gamma 0.6 to 1.6, gains per colour 0.65 to 1.35, and light that falls off to one
    side by up to 60 %. On the whole image: blur of up to 0.8 pixels and noise of up to 6 levels.

    Args:
        views: what `load_pose_views` gives, or rows of it.
        photos: a folder of photos, or their paths.
        copies: images of each view.
        seed: of photos, light and noise.

    Returns:
        `{"image": uint8 [N copies, S, S, 3], "label", "quaternion"}`.
    """
    files = list_images(photos) if isinstance(photos, str | os.PathLike) else photos
    side = views["image"].shape[1]
    backgrounds = [read_image(path) for path in files]
    rng = np.random.default_rng(seed)
    made = [
        _photographed(rng, image, mask, _crop(rng, backgrounds, side))
        for image, mask in zip(views["image"], views["foreground_mask"], strict=True)
        for _ in range(copies)
    ]
    repeated = {key: np.repeat(views[key], copies, axis=0) for key in ("label", "quaternion")}
    return {"image": np.stack(made), **repeated}


def _crop(rng: np.random.Generator, photos: list[np.ndarray], side: int) -> np.ndarray:
    photo = photos[rng.integers(len(photos))]
    size = round(min(photo.shape[:2]) * rng.uniform(0.4, 1.0))
    top, left = (rng.integers(length - size + 1) for length in photo.shape[:2])
    return cv2.resize(
        photo[top : top + size, left : left + size], (side, side), interpolation=cv2.INTER_AREA
    )


def _photographed(
    rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, background: np.ndarray
) -> np.ndarray:
    side = len(image)
    lit = (image / 255.0) ** rng.uniform(0.6, 1.6) * rng.uniform(0.65, 1.35, 3)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:side, :side] / (side - 1) - 0.5
    towards = 0.5 + (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2)
    lit *= (1 - rng.uniform(0, 0.6) * towards)[..., None]
    composed = (lit * mask * 255 + background * (1 - mask)).astype(np.float32)
    composed = cv2.GaussianBlur(composed, (0, 0), max(0.05, rng.uniform(0, 0.8)))
    composed += rng.normal(0, rng.uniform(0, 6), composed.shape)
    return np.clip(composed + 0.5, 0, 255).astype(np.uint8)
