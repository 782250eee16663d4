"""The losses of a two-stage detector: of its proposals, and of the regions it samples.

Reference:
    Ren et al., Faster R-CNN, arXiv 1506.01497, equation 1; Girshick, Fast R-CNN, arXiv 1504.08083,
    equations 1 to 3. Normalisation as in their Caffe code.
"""

from keras import ops

from refinezoo.losses.detection import smooth_l1

_SIGMA_SQUARED = 9.0


def rpn_loss(labels, targets, logits, offsets):
    """Object or background for each sampled anchor, and the offsets of the objects.

    Formula:
        mean over images of sum_sampled CE / N_sampled and of
        sum_objects smoothL1(sigma = 3) / N_sampled

    Args:
        labels: float [B, A]: 1 = object, 0 = background, -1 = takes no part.
        targets: float [B, A, 4], offsets of the objects, anything elsewhere.
        logits: float [B, A, 2], background first.
        offsets: float [B, A, 4].

    Returns:
        Two scalars: classification, regression.
    """
    labels, logits, offsets = (ops.cast(part, "float32") for part in (labels, logits, offsets))
    sampled = ops.cast(labels > -0.5, "float32")
    positive = ops.cast(labels > 0.5, "float32")
    count = ops.maximum(ops.sum(sampled, axis=1), 1.0)
    log_probability = ops.log_softmax(logits, axis=-1)
    cross_entropy = -(
        positive * log_probability[..., 1] + (sampled - positive) * log_probability[..., 0]
    )
    # sigma^2 / 2 d^2 where |d| < 1 / sigma^2, else |d| - 1 / (2 sigma^2).
    difference = _SIGMA_SQUARED * (offsets - targets)
    regression = positive * ops.sum(smooth_l1(difference), axis=-1) / _SIGMA_SQUARED
    return (
        ops.mean(ops.sum(cross_entropy, axis=1) / count),
        ops.mean(ops.sum(regression, axis=1) / count),
    )


def region_loss(labels, targets, logits, offsets):
    """The class of each sampled region, and the offsets that its class predicts.

    Formula:
        mean over images of sum_sampled CE / N_sampled and of sum_objects smoothL1 / N_sampled

    Args:
        labels: int [B, R]: 0 = background, k + 1 = class k, -1 = takes no part.
        targets: float [B, R, 4], offsets of the objects, anything elsewhere.
        logits: float [B, R, K + 1], background first.
        offsets: float [B, R, 4 (K + 1)], four for each class.

    Returns:
        Two scalars: classification, regression.
    """
    logits, offsets = ops.cast(logits, "float32"), ops.cast(offsets, "float32")
    regions, classes = logits.shape[1:]
    sampled = ops.cast(labels >= 0, "float32")
    positive = ops.cast(labels > 0, "float32")
    count = ops.maximum(ops.sum(sampled, axis=1), 1.0)
    one_hot = ops.one_hot(ops.maximum(labels, 0), classes, dtype="float32")
    cross_entropy = -ops.sum(one_hot * ops.log_softmax(logits, axis=-1), axis=-1)
    of_class = ops.reshape(offsets, (-1, regions, classes, 4)) * one_hot[..., None]
    difference = ops.sum(of_class, axis=2) - targets
    regression = positive * ops.sum(smooth_l1(difference), axis=-1)
    return (
        ops.mean(ops.sum(sampled * cross_entropy, axis=1) / count),
        ops.mean(ops.sum(regression, axis=1) / count),
    )
