"""Metrics of obstacle ranges per heading: how far off, and whether a collision was foreseen."""

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError


def range_metrics(predicted_m: np.ndarray, truth_m: np.ndarray, d_safe: float) -> dict[str, float]:
    """Mean absolute error, and F1 of "an obstacle within `d_safe`", over all sectors together.

    Args:
        predicted_m: `[B, N]`, metres.
        truth_m: `[B, N]`, metres.
        d_safe: metres; a range below it is a collision ahead.

    Returns:
        `mean_abs_error_m`, `f1`, `precision`, `recall` (each 0 where nothing was predicted or
        true), and `collisions`, the share of sectors with one.

    Raises:
        RefinezooError: other or different shapes, values that are no number, or no distance.
    """
    predicted, truth = np.asarray(predicted_m, "float64"), np.asarray(truth_m, "float64")
    if predicted.ndim != 2 or predicted.shape != truth.shape or not predicted.size:
        raise RefinezooError(
            "expected predicted and true ranges [B, N] of one shape, received "
            f"{list(predicted.shape)} and {list(truth.shape)}."
        )
    if not (np.isfinite(predicted).all() and np.isfinite(truth).all()):
        raise RefinezooError(
            "expected ranges in metres, received NaN or infinite values. sector_ranges gives "
            "r_max where there is no obstacle."
        )
    if not d_safe > 0:
        raise RefinezooError(f"expected d_safe > 0 metres, received {d_safe}.")
    foreseen, there = predicted < d_safe, truth < d_safe
    hits = int((foreseen & there).sum())
    precision, recall = hits / max(1, int(foreseen.sum())), hits / max(1, int(there.sum()))
    return {
        "mean_abs_error_m": float(np.abs(predicted - truth).mean()),
        "f1": 2 * precision * recall / (precision + recall) if hits else 0.0,
        "precision": precision,
        "recall": recall,
        "collisions": float(there.mean()),
    }


@keras.saving.register_keras_serializable("refinezoo")
class MeanAbsRangeError(keras.metrics.MeanMetricWrapper):
    """Mean of |exp(l) - r| over predicted l = ln r and true r in metres, as a Keras metric.

    Args:
        r_max: metres; farther predictions count as this.
        name: name in the logs.
        dtype: of the mean.
    """

    def __init__(self, r_max, name="mean_abs_error_m", dtype=None):
        def error(ranges_m, log_ranges):
            metres = ops.minimum(ops.exp(ops.cast(log_ranges, "float32")), r_max)
            return ops.mean(ops.abs(metres - ops.cast(ranges_m, "float32")), axis=-1)

        super().__init__(fn=error, name=name, dtype=dtype)
        self.r_max = r_max

    def get_config(self):
        return {"r_max": self.r_max, "name": self.name, "dtype": self.dtype}
