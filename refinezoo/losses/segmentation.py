"""The loss of DeepLab-v2 (Chen et al. 2016, arXiv 1606.00915)."""

from keras import ops


def nearest_ids(class_ids, size):
    """Class ids as a smaller map sees them: of each of its cells, the id under the middle.

    Args:
        class_ids: int `[B, H, W]`.
        size: height and width of the map.

    Returns:
        int32 `[B, h, w]`; no id is invented.
    """
    class_ids = ops.cast(class_ids, "int32")
    for axis, target in ((1, size[0]), (2, size[1])):
        # In whole numbers: rounding must not differ between the backends.
        place = (2 * ops.arange(target, dtype="int32") + 1) * ops.shape(class_ids)[axis]
        class_ids = ops.take(class_ids, place // (2 * target), axis=axis)
    return class_ids


def segmentation_loss(logits, class_ids, ignore_id):
    """Mean softmax cross-entropy over the cells whose label counts.

    The labels are reduced to the map by nearest neighbour, not the map enlarged to the labels.

    Args:
        logits: float `[B, h, w, K]`.
        class_ids: int `[B, H, W]`, 0 to K - 1, or `ignore_id`.
        ignore_id: the id of pixels that do not count.

    Returns:
        Scalar; 0 where no cell counts.
    """
    logits = ops.cast(logits, "float32")
    wanted = nearest_ids(class_ids, ops.shape(logits)[1:3])
    counts = wanted != ignore_id
    likelihood = ops.sum(
        ops.one_hot(ops.where(counts, wanted, 0), logits.shape[-1]) * ops.log_softmax(logits),
        axis=-1,
    )
    counts = ops.cast(counts, "float32")
    return -ops.sum(likelihood * counts) / ops.maximum(ops.sum(counts), 1.0)


def multi_scale_loss(maps, class_ids, ignore_id):
    """The sum of the losses of the maps: one of each scale, and the fused one."""
    return sum(segmentation_loss(logits, class_ids, ignore_id) for logits in maps)
