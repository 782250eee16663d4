"""What depth models refuse: settings, sizes and labels that are none."""

from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.networks.depth_unet import LEAST, STRIDE


def check_sizes(batch: dict[str, Any]) -> None:
    """Refuses images that the U-Net cannot halve, and depth of another shape."""
    image, depth = (tuple(batch[key].shape) for key in ("image", "depth_m"))
    check_size(image[1:3])
    if len(depth) != 4 or depth[1:] != (*image[1:3], 1):
        raise RefinezooError(
            f"expected depth_m [B, {image[1]}, {image[2]}, 1] like its images, received "
            f"{list(depth)}. "
            + (
                "Add the last axis: depth_m[..., None]."
                if len(depth) == 3
                else "Scale it, nearest neighbour, to the images' size."
            )
        )


def check_size(size: tuple[int | None, ...]) -> None:
    """Refuses a training height or width that is no multiple of 16 or below 96."""
    if any(side is not None and (side % STRIDE or side < LEAST) for side in size):
        raise RefinezooError(
            f"expected training images whose sides are multiples of {STRIDE} and at least {LEAST} "
            f"px, received {' x '.join(map(str, size))} (height x width). Scale or crop them; "
            "predict_depth takes any size."
        )


def check_metres(depth_m: Any, max_depth: float) -> None:
    """Refuses labels that are not metres: counts of a file, millimetres, shares of a range, holes.

    Args:
        depth_m: array of any shape.
        max_depth: metres, the range of the model.

    Raises:
        RefinezooError: says which unit it looks like and what to multiply it with.
    """
    depth = np.asarray(depth_m)
    if depth.dtype.kind not in "f":
        raise RefinezooError(
            f"expected depth_m as float metres, received {depth.dtype}. 16-bit depth files hold "
            "steps, mostly millimetres: read them with refinezoo.data.depth.read_depth(path, "
            "unit_m=0.001)."
        )
    known = depth[np.isfinite(depth) & (depth > 0)]
    if not known.size:
        raise RefinezooError(
            "expected depth_m with known pixels, received only holes (0, negative or NaN)."
        )
    median = float(np.median(known))
    if median > max_depth:
        readings = [
            f"{median / steps:g} m if these are {unit} (divide by {steps})"
            for unit, steps in (("centimetres", 100), ("millimetres", 1000))
            if 0.05 * max_depth <= median / steps <= max_depth
        ]
        raise RefinezooError(
            f"expected depth_m in metres up to max_depth={max_depth:g}, received a median of "
            f"{median:g}: {' or '.join([*readings, 'raise max_depth if it is right'])}."
        )
    if float(known.max()) <= 1.0 and max_depth > 4.0:
        raise RefinezooError(
            f"expected depth_m in metres up to max_depth={max_depth:g}, received at most "
            f"{float(known.max()):g}: it looks scaled to 0..1. Multiply by the range it was "
            "divided by, or lower max_depth if the scene is that near."
        )
