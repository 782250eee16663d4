"""Task losses L_t of PixelDA (Bousmalis et al. 2017, arXiv 1612.05424, equations 3 and 5)."""

import keras
from keras import ops


def class_loss(labels, logits):
    """Mean softmax cross-entropy; `labels` int `[B]` in 0..K-1, `logits` `[B, K]`."""
    return ops.mean(
        keras.losses.sparse_categorical_crossentropy(
            labels, ops.cast(logits, "float32"), from_logits=True
        )
    )


def quaternion_loss(quaternions, predicted):
    """mean log(1e-4 + 1 - |<q, q_hat>|): 0 at a right angle, -9.21 where they agree.

    q and -q are the same rotation and cost the same.

    Args:
        quaternions: float `[B, 4]` of length 1.
        predicted: float `[B, 4]` of length 1.
    """
    product = ops.cast(quaternions, "float32") * ops.cast(predicted, "float32")
    agreement = ops.minimum(ops.abs(ops.sum(product, axis=-1)), 1.0)
    return ops.mean(ops.log(1e-4 + 1.0 - agreement))


@keras.saving.register_keras_serializable("refinezoo")
class QuaternionLoss(keras.losses.Loss):
    """`quaternion_loss` as a Keras loss."""

    def __init__(self, name="quaternion", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        """The loss of a batch, a scalar."""
        return quaternion_loss(y_true, y_pred)
