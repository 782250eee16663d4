"""Kernel inception distance: how far two sets of images are apart in a network's features.

    KID = 1/(m (m-1)) sum_{i != j} k(x_i, x_j) + 1/(n (n-1)) sum_{i != j} k(y_i, y_j)
          - 2/(m n) sum_{i, j} k(x_i, y_j),       k(a, b) = (a b / d + 1)^3

The unbiased estimate of the squared maximum mean discrepancy: its mean does not depend on the
number of images, and for two sets of one kind it is 0 and may fall below. Values belong to the
network, the size and the resize that they were measured with: never compare them across.

Reference: Binkowski et al. 2018, arXiv 1801.01401.
"""

from collections.abc import Iterable
from typing import Any

import cv2
import keras
import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.renames import former_name

SUBSETS, MOST = 100, 1000


def kid(
    first: np.ndarray, second: np.ndarray, *, subset: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """KID of two sets of features.

    Args:
        first: float `[M, d]`, M >= 2.
        second: float `[N, d]`, N >= 2.
        subset: None takes all at once. A number: mean and standard deviation of the distance
            between 100 random subsets of that many of each, as is usual from 1,000 images on.
        seed: of the subsets.

    Returns:
        `{"kid", "spread", "n"}`: the distance, its deviation over subsets (None without), and
        the numbers `[M, N]`.

    Raises:
        RefinezooError: fewer than two images in a set, other features, values that are no
            numbers, or subsets larger than the sets.
    """
    first, second = (np.asarray(features, "float64") for features in (first, second))
    shapes = [list(features.shape) for features in (first, second)]
    if any(len(shape) != 2 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise RefinezooError(
            f"expected features [M, d] and [N, d] of one network, received {shapes[0]} and "
            f"{shapes[1]}."
        )
    n = [len(first), len(second)]
    if min(n) < 2 or (subset is not None and not 2 <= subset <= min(n)):
        raise RefinezooError(
            "expected at least two images in each set and subsets of 2 up to the smaller set, "
            f"received {n[0]} and {n[1]} images and subset={subset}. Add images, or leave "
            "subset out."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise RefinezooError("expected finite features, received NaN or infinite values.")
    if subset is None:
        return {"kid": _mmd2(first, second), "spread": None, "n": n}
    random = np.random.default_rng(seed)
    values = [
        _mmd2(*(f[random.choice(len(f), subset, replace=False)] for f in (first, second)))
        for _ in range(SUBSETS)
    ]
    return {"kid": float(np.mean(values)), "spread": float(np.std(values)), "n": n}


def image_kid(
    backbone: keras.Model,
    first: Iterable[np.ndarray],
    second: Iterable[np.ndarray],
    *,
    size: int = 224,
    batch_size: int = 16,
) -> dict[str, Any]:
    """KID of two sets of images in the pooled coarsest map of a network.

    Never choose a refiner by the features that also judged it in training: it has learnt to please
    them (arXiv 2203.06026).

    Args:
        backbone: images `[B, H, W, 3]` in [-1, 1] to maps, the coarsest last (EfficientNet-Lite0:
            stride 32, 320 channels).
        first: images uint8 `[H, W, 3]`, of any sizes.
        second: images uint8 `[H, W, 3]`.
        size: side, pixels, that they are scaled to, whatever their shape.
        batch_size: images per pass.

    Returns:
        As `kid`, with `"size"`, `"resize"` and `"features"`, which belong to the number: subsets of
        1,000 where both sets are that large.
    """
    sets = [
        pooled_features(backbone, images, size=size, batch_size=batch_size)
        for images in (first, second)
    ]
    large = min(map(len, sets)) >= MOST
    return {
        **kid(*sets, subset=MOST if large else None),
        "size": size,
        "resize": "to a square: area to shrink, bilinear to enlarge",
        "features": f"{backbone.name}, mean of {backbone.outputs[-1].name}",
    }


picture_kid = former_name("picture_kid", image_kid)


def pooled_features(
    backbone: keras.Model, images: Iterable[np.ndarray], *, size: int, batch_size: int = 16
) -> np.ndarray:
    """Means of a network's last map over its cells: float32 `[N, d]`; as `image_kid`."""
    squares = [scaled(image, size) for image in images]
    if not squares:
        raise RefinezooError("expected images, received none.")
    found = []
    for start in range(0, len(squares), batch_size):
        part = squares[start : start + batch_size]
        filling = [squares[0]] * (batch_size - len(part))  # a smaller batch is compiled anew
        inputs = np.stack([*part, *filling]).astype("float32") / 127.5 - 1.0
        maps = keras.tree.flatten(backbone.predict_on_batch(inputs))[-1]
        found.append(np.asarray(maps, "float32").mean(axis=(1, 2))[: len(part)])
    return np.concatenate(found)


def scaled(image: np.ndarray, size: int) -> np.ndarray:
    """A uint8 RGB image `[H, W, 3]` as a square of `size` pixels."""
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
        raise RefinezooError(
            f"expected images uint8 [H, W, 3], received {image.dtype} {list(image.shape)}. "
            "refinezoo.data.read_image reads any file as that."
        )
    shrinks = min(image.shape[:2]) > size
    mode = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(image), (size, size), interpolation=mode)


def _mmd2(first: np.ndarray, second: np.ndarray) -> float:
    within = [_kernel(f, f) for f in (first, second)]
    alike = [
        (k.sum() - np.trace(k)) / (len(f) * (len(f) - 1))
        for k, f in zip(within, (first, second), strict=True)
    ]
    return float(sum(alike) - 2.0 * _kernel(first, second).mean())


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first @ second.T / first.shape[1] + 1.0) ** 3
