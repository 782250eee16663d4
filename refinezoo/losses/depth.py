"""The losses of T2Net on depth (Zheng et al. 2018, arXiv 1808.01454).

Depth maps come as a list of outputs `[B, h, w, 1]` in [-1, 1], each of twice the height and width
of the one before, the last of the image's size.
"""

from typing import Literal, get_args

from keras import ops

from refinezoo.errors import RefinezooError

Order = Literal["coarse_first", "fine_first"]


def normalised_depth(depth_m, max_depth):
    """Depth in metres as the network says it, 2 d / max_depth - 1, and where it is known.

    Args:
        depth_m: `[B, H, W, 1]`, metres; 0, negative, NaN or infinite = missing.
        max_depth: metres; what is farther counts as `max_depth`.

    Returns:
        float32 `[B, H, W, 1]` in [-1, 1] (-1 where missing) and its mask, 1 = known.
    """
    depth = ops.cast(depth_m, "float32")
    known = ops.logical_and(ops.isfinite(depth), depth > 0.0)
    depth = ops.clip(ops.where(known, depth, 0.0), 0.0, max_depth)
    return 2.0 * depth / max_depth - 1.0, ops.cast(known, "float32")


def depth_task_loss(outputs, depth_m, max_depth):
    """L_t = sum over scales of mean |T_i - y_i|, over pixels whose depth is known.

    y_i is the normalised depth, scaled bilinearly; a pixel of y_i is the weighted mean of the
    known pixels under it, and missing where there is none. Without holes this is the plain L1 of
    the published code.

    Args:
        outputs: list of `[B, h, w, 1]` in [-1, 1], coarsest first.
        depth_m: `[B, H, W, 1]`, metres, 0 or NaN = missing.
        max_depth: metres.

    Returns:
        Scalar; 0 without any known pixel.
    """
    target, known = normalised_depth(depth_m, max_depth)
    loss = 0.0
    for factor, output in _with_factors(outputs):
        share = _scaled(known, factor)
        wanted = _scaled(target * known, factor) / ops.maximum(share, 0.25)
        valid = ops.cast(share > 0.0, "float32")
        difference = ops.abs(ops.cast(output, "float32") - wanted) * valid
        loss = loss + ops.sum(difference) / ops.maximum(ops.sum(valid), 1.0)
    return loss


def smoothness_loss(outputs, images, order="coarse_first"):
    """L_s: depth may jump only where the image does.

        sum_i 2^-i mean( |dx d_i| exp(-mean_c |dx I_i|) + |dy d_i| exp(-mean_c |dy I_i|) )

    Args:
        outputs: list of `[B, h, w, 1]` in [-1, 1], coarsest first.
        images: RGB `[B, H, W, 3]` in [-1, 1], scaled bilinearly to each output.
        order: which output has i = 0: `"coarse_first"` as in the published code, or
            `"fine_first"` as in monodepth, where the finest weighs most.

    Returns:
        Scalar.
    """
    if order not in get_args(Order):
        raise RefinezooError(f"expected order 'coarse_first' or 'fine_first', received {order!r}.")
    images, scales = ops.cast(images, "float32"), _with_factors(outputs)
    loss = 0.0
    for i, (factor, output) in enumerate(scales if order == "coarse_first" else scales[::-1]):
        depth, image = ops.cast(output, "float32"), _scaled(images, factor)
        across = ops.mean(_step(depth, 2) * _weight(_step(image, 2)))
        down = ops.mean(_step(depth, 1) * _weight(_step(image, 1)))
        loss = loss + (across + down) / 2.0**i
    return loss


def _step(maps, axis):
    """|difference| of neighbours down (axis 1) or across (axis 2)."""
    first, second = (maps[:, :-1], maps[:, 1:]) if axis == 1 else (maps[:, :, :-1], maps[:, :, 1:])
    return ops.abs(first - second)


def _weight(steps):
    return ops.exp(-ops.mean(steps, axis=-1, keepdims=True))


def _with_factors(outputs):
    """(how many times smaller than the image, output) for each."""
    return [(2 ** (len(outputs) - 1 - i), output) for i, output in enumerate(outputs)]


def _scaled(maps, factor):
    """Bilinear scaling down by 1 or an even factor: the mean of the middle four of its pixels."""
    if factor == 1:
        return maps
    near, far = slice(factor // 2 - 1, None, factor), slice(factor // 2, None, factor)
    return sum(maps[:, rows, columns] for rows in (near, far) for columns in (near, far)) / 4.0
