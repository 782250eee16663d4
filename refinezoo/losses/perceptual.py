"""The distance of two images in a network's features (after LPIPS: Zhang et al. 2018)."""

from keras import ops


def perceptual_loss(maps, others):
    """Mean over layers and cells of |f / |f| - g / |g||^2, each cell's features of length 1.

    As LPIPS (arXiv 1801.03924), without its learned weights per channel: what changes the light of
    a cell evenly costs little, what changes its edges much.

    Args:
        maps: list of features `[B, h, w, C]`, one per layer.
        others: the same of the other images; no gradient flows to them.

    Returns:
        Scalar from 0 (alike) to 4.
    """
    distances = [
        ops.mean(ops.sum(ops.square(_unit(f) - ops.stop_gradient(_unit(g))), axis=-1))
        for f, g in zip(maps, others, strict=True)
    ]
    return sum(distances) / len(distances)


def _unit(features):
    features = ops.cast(features, "float32")
    return features * ops.rsqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + 1e-6)
