"""Depth metrics of Eigen et al. 2014 (arXiv 1406.2283) over the pixels whose depth is known."""

import numpy as np

from refinezoo.errors import RefinezooError

# Rows and columns that count, as shares of the image: top, bottom, left, right.
GARG_CROP = (0.40810811, 0.99189189, 0.03594771, 0.96405229)  # KITTI, Garg et al. 2016
NYU_CROP = (12 / 480, 468 / 480, 16 / 640, 624 / 640)


def depth_metrics(
    predicted_m: np.ndarray,
    truth_m: np.ndarray,
    *,
    min_depth: float = 1e-3,
    max_depth: float = 80.0,
    crop: tuple[float, float, float, float] | None = None,
) -> dict[str, float]:
    """The seven usual depth metrics: of each image over its known pixels, then their mean.

    With p predicted and t true depth: abs_rel mean |p-t|/t, sq_rel mean (p-t)^2/t (metres), rmse
    sqrt mean (p-t)^2 (metres), rmse_log sqrt mean (ln p - ln t)^2, delta1, 2, 3 the share of
    pixels with max(p/t, t/p) < 1.25, 1.25^2, 1.25^3. No median scaling.

    Args:
        predicted_m: `[B, H, W]` or `[B, H, W, 1]`, metres; clipped to `min_depth`..`max_depth`.
        truth_m: the same shape, metres; 0, negative, NaN or infinite = unknown.
        min_depth: metres; nearer truth does not count.
        max_depth: metres; farther truth does not count (KITTI: 50 or 80; NYUv2: 8).
        crop: top, bottom, left, right as shares of H and W; `GARG_CROP`, `NYU_CROP` or None.

    Returns:
        Those seven, `images` (with any known pixel; the others are left out) and `known`, the
        share of pixels that counted.

    Raises:
        RefinezooError: shapes differ, a prediction is no number, no pixel is known, or the two
            are in different units.
    """
    predicted, truth = (_maps(maps) for maps in (predicted_m, truth_m))
    if predicted.shape != truth.shape:
        raise RefinezooError(
            f"expected predicted and true depth of one shape, received {list(predicted.shape)} and "
            f"{list(truth.shape)}. Resize the predictions bilinearly to the size of the truth."
        )
    if not np.isfinite(predicted).all():
        raise RefinezooError("expected predicted depth in metres, received NaN or infinite values.")
    if not 0 < min_depth < max_depth:
        raise RefinezooError(
            f"expected 0 < min_depth < max_depth in metres, received {min_depth} and {max_depth}."
        )
    inside = np.isfinite(truth) & (truth > 0)
    if crop is not None:
        height, width = truth.shape[1:]
        top, bottom, left, right = (
            int(share * size)
            for share, size in zip(crop, (height, height, width, width), strict=True)
        )
        window = np.zeros_like(inside)
        window[:, top:bottom, left:right] = True
        inside &= window
    known = inside & (truth > min_depth) & (truth < max_depth)
    if not known.any():
        median = f"its median is {np.median(truth[inside]):g}" if inside.any() else "all is missing"
        raise RefinezooError(
            f"expected true depth between {min_depth:g} and {max_depth:g} m, received none: "
            f"{median}. Depth in millimetres must be divided by 1000."
        )
    predicted = np.clip(predicted, min_depth, max_depth)
    rows = [
        _of_image(p[k], t[k]) for p, t, k in zip(predicted, truth, known, strict=True) if k.any()
    ]
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return {**means, "images": len(rows), "known": float(known.mean())}


def _of_image(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    error = predicted - truth
    ratio = np.maximum(predicted / truth, truth / predicted)
    return {
        "abs_rel": np.mean(np.abs(error) / truth),
        "sq_rel": np.mean(error**2 / truth),
        "rmse": np.sqrt(np.mean(error**2)),
        "rmse_log": np.sqrt(np.mean(np.log(predicted / truth) ** 2)),
        **{f"delta{i}": np.mean(ratio < 1.25**i) for i in (1, 2, 3)},
    }


def _maps(maps: np.ndarray) -> np.ndarray:
    maps = np.asarray(maps)
    if maps.ndim == 4 and maps.shape[-1] == 1:
        maps = maps[..., 0]
    if maps.ndim != 3:
        raise RefinezooError(
            f"expected depth maps [B, H, W] or [B, H, W, 1], received {list(maps.shape)}."
        )
    return maps.astype(np.float64)
