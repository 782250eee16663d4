"""The multibox loss of SSD.

Reference:
    Liu et al., SSD: Single Shot MultiBox Detector, arXiv 1512.02325, equations 1 to 3.
"""

import keras
from keras import ops


def smooth_l1(difference):
    """0.5 d^2 where |d| < 1, else |d| - 0.5, elementwise."""
    size = ops.abs(difference)
    return ops.where(size < 1, 0.5 * ops.square(difference), size - 0.5)


def multibox_loss(targets, predictions, negative_ratio: float = 3.0, alpha: float = 1.0):
    """Softmax cross-entropy with hard negatives plus smooth L1 on the matched anchors.

    Formula:
        (sum_pos CE + sum_hard_neg CE + alpha * sum_pos smoothL1) / max(1, N_pos)

    The hard negatives are the `negative_ratio * N_pos` negatives of the whole batch with the
    largest cross-entropy.

    Args:
        targets: float [B, A, 5]: class (0 = background, k + 1 = class k, -1 = takes no part) and
            four offsets, as `tasks.detection.matching.encode_targets` writes them.
        predictions: float [B, A, K + 1 + 4]: class logits (background first), offsets.
        negative_ratio: negatives per positive.
        alpha: weight of the regression.

    Returns:
        A scalar.
    """
    predictions = ops.cast(predictions, "float32")
    targets = ops.cast(targets, "float32")
    label = targets[..., 0]
    positive = ops.cast(label > 0.5, "float32")
    negative = ops.cast(ops.abs(label) < 0.5, "float32")
    count = ops.sum(positive)

    log_probability = ops.log_softmax(predictions[..., :-4], axis=-1)
    one_hot = ops.one_hot(ops.cast(ops.relu(label), "int32"), log_probability.shape[-1])
    cross_entropy = -ops.sum(ops.cast(one_hot, "float32") * log_probability, axis=-1)
    # The sum over the hardest k needs only sorted values: ties cannot change it.
    hardest = -ops.sort(ops.reshape(-cross_entropy * negative, (-1,)))
    rank = ops.cumsum(ops.ones_like(hardest)) - 1
    hard_negatives = ops.sum(ops.where(rank < negative_ratio * count, hardest, 0.0))

    regression = ops.sum(smooth_l1(predictions[..., -4:] - targets[..., 1:]), axis=-1)
    total = ops.sum(positive * (cross_entropy + alpha * regression)) + hard_negatives
    return total / ops.maximum(count, 1.0)


@keras.saving.register_keras_serializable("refinezoo")
class MultiboxLoss(keras.losses.Loss):
    """`multibox_loss` as a Keras loss: one number per batch.

    Args:
        negative_ratio: hard negatives per positive.
        alpha: weight of the regression.
        name: name in the logs.
        dtype: dtype the loss is computed in.
    """

    def __init__(
        self, negative_ratio: float = 3.0, alpha: float = 1.0, name="multibox", dtype=None
    ) -> None:
        super().__init__(name=name, reduction="sum_over_batch_size", dtype=dtype)
        self.negative_ratio = negative_ratio
        self.alpha = alpha

    def call(self, y_true, y_pred):
        """The loss of a batch, a scalar."""
        return multibox_loss(y_true, y_pred, self.negative_ratio, self.alpha)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {
            "negative_ratio": self.negative_ratio,
            "alpha": self.alpha,
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype)
            if not isinstance(self.dtype, str)
            else self.dtype,
        }
