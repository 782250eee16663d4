"""Range metrics against brute force."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.metrics.obstacle_range import MeanAbsRangeError, range_metrics


def test_against_brute_force(rng):
    truth, predicted = rng.uniform(0.5, 9, (2, 20, 6))
    scores = range_metrics(predicted, truth, d_safe=3.0)
    tp = fp = fn = 0
    errors = []
    for t, p in zip(truth.ravel(), predicted.ravel(), strict=True):
        errors.append(abs(t - p))
        tp += t < 3 and p < 3
        fp += t >= 3 and p < 3
        fn += t < 3 and p >= 3
    assert scores["mean_abs_error_m"] == pytest.approx(np.mean(errors))
    assert scores["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert scores["precision"] == pytest.approx(tp / (tp + fp))
    assert scores["recall"] == pytest.approx(tp / (tp + fn))
    assert scores["collisions"] == pytest.approx((truth < 3).mean())


def test_ends_of_the_scale():
    truth = np.array([[1.0, 9.0]])
    perfect = range_metrics(truth, truth, 3.0)
    assert (perfect["f1"], perfect["mean_abs_error_m"]) == (1.0, 0.0)
    blind = range_metrics(np.full((1, 2), 9.0), truth, 3.0)
    assert (blind["f1"], blind["precision"], blind["recall"]) == (0.0, 0.0, 0.0)


def test_keras_metric_is_the_same_mean(rng):
    truth = rng.uniform(0.5, 10, (8, 4)).astype("float32")
    log_ranges = rng.normal(1.0, 1.0, (8, 4)).astype("float32")
    metric = MeanAbsRangeError(r_max=10.0)
    for part in (slice(0, 4), slice(4, 8)):
        metric.update_state(truth[part], log_ranges[part])
    expected = np.abs(np.minimum(np.exp(log_ranges), 10.0) - truth).mean()
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert again.r_max == 10.0 and again.name == "mean_abs_error_m"


@pytest.mark.parametrize(
    "predicted, truth, d_safe, words",
    [
        (np.ones((2, 3)), np.ones((2, 4)), 3.0, r"received \[2, 3\] and \[2, 4\]"),
        (np.ones(3), np.ones(3), 3.0, r"\[B, N\]"),
        (np.full((1, 2), np.nan), np.ones((1, 2)), 3.0, "NaN"),
        (np.ones((1, 2)), np.ones((1, 2)), 0.0, "d_safe > 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(predicted, truth, d_safe, words):
    with pytest.raises(RefinezooError, match=words):
        range_metrics(predicted, truth, d_safe)
