"""Pose metrics of the Cropped LineMod task: how far a predicted rotation is from the true one."""

import keras
import numpy as np
from keras import ops

PUBLISHED_EPSILON = 1e-4


def angle_error_degrees(quaternions, predicted, epsilon=PUBLISHED_EPSILON):
    """2 acos(|<q, q_hat>| - epsilon) per pair, degrees in [0, 180].

    Args:
        quaternions: float `[N, 4]` of length 1.
        predicted: float `[N, 4]` of length 1; q and -q are the same rotation.
        epsilon: 1e-4 is the rule of the published figures (Bousmalis et al. 2017, official code),
            which shows 1.62 degrees for a perfect prediction; 0 is the true angle.

    Returns:
        float64 `[N]`.
    """
    product = np.asarray(quaternions, "float64") * np.asarray(predicted, "float64")
    agreement = np.clip(np.abs(product.sum(axis=-1)) - epsilon, 0.0, 1.0)
    return np.degrees(2.0 * np.arccos(agreement))


@keras.saving.register_keras_serializable("refinezoo")
class MeanAngleError(keras.metrics.MeanMetricWrapper):
    """Mean of `angle_error_degrees` over all images, as a Keras metric.

    Args:
        epsilon: 1e-4 is the rule of the published figures.
        name: name in the logs.
        dtype: of the mean.
    """

    def __init__(self, epsilon=PUBLISHED_EPSILON, name="angle_error_degrees", dtype=None):
        def angle(y_true, y_pred):
            product = ops.cast(y_true, "float32") * ops.cast(y_pred, "float32")
            agreement = ops.abs(ops.sum(product, axis=-1)) - epsilon
            return 2.0 * ops.arccos(ops.clip(agreement, 0.0, 1.0)) * (180.0 / np.pi)

        super().__init__(fn=angle, name=name, dtype=dtype)
        self.epsilon = epsilon

    def get_config(self):
        return {"epsilon": self.epsilon, "name": self.name, "dtype": self.dtype}
