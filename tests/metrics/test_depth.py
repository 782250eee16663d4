"""Depth metrics against a loop over pixels."""

import math

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.metrics.depth import GARG_CROP, NYU_CROP, depth_metrics

pytestmark = pytest.mark.once


def by_hand(predicted, truth, low, high):
    """The metrics of one image, pixel by pixel."""
    pairs = [
        (min(max(float(p), low), high), float(t))
        for p, t in zip(predicted.ravel(), truth.ravel(), strict=True)
        if math.isfinite(t) and low < t < high
    ]

    def mean(function):
        return sum(function(p, t) for p, t in pairs) / len(pairs)

    return {
        "abs_rel": mean(lambda p, t: abs(p - t) / t),
        "sq_rel": mean(lambda p, t: (p - t) ** 2 / t),
        "rmse": math.sqrt(mean(lambda p, t: (p - t) ** 2)),
        "rmse_log": math.sqrt(mean(lambda p, t: (math.log(p) - math.log(t)) ** 2)),
        "delta1": mean(lambda p, t: max(p / t, t / p) < 1.25),
        "delta2": mean(lambda p, t: max(p / t, t / p) < 1.25**2),
        "delta3": mean(lambda p, t: max(p / t, t / p) < 1.25**3),
    }


def test_metrics_are_means_over_images_of_their_known_pixels(rng):
    truth = rng.uniform(0.2, 9.0, (3, 12, 10)).astype("float32")
    predicted = (truth * rng.uniform(0.5, 2.0, truth.shape)).astype("float32")
    truth[0, :6], truth[1, 2, 3], truth[2, 5] = 0.0, np.nan, -1.0
    found = depth_metrics(predicted[..., None], truth[..., None], min_depth=0.5, max_depth=8.0)
    rows = [by_hand(p, t, 0.5, 8.0) for p, t in zip(predicted, truth, strict=True)]
    for name in rows[0]:
        assert found[name] == pytest.approx(np.mean([row[name] for row in rows]), rel=1e-6)
    assert found["images"] == 3 and 0 < found["known"] < 1


def test_a_perfect_prediction_and_images_without_truth():
    truth = np.full((2, 4, 4), 2.0)
    truth[1] = 0.0
    found = depth_metrics(truth + 0.0, truth, max_depth=8.0)
    assert found["rmse"] == found["abs_rel"] == 0.0 and found["delta1"] == 1.0
    assert found["images"] == 1


def test_only_the_crop_counts():
    truth = np.full((1, 480, 640), 2.0)
    predicted = truth.copy()
    predicted[:, :12], predicted[:, 468:], predicted[..., :16], predicted[..., 624:] = 8, 8, 8, 8
    assert depth_metrics(predicted, truth, max_depth=8.0)["abs_rel"] > 0
    assert depth_metrics(predicted, truth, max_depth=8.0, crop=NYU_CROP)["abs_rel"] == 0.0
    share = depth_metrics(predicted, truth, max_depth=8.0, crop=GARG_CROP)["known"]
    assert share == pytest.approx((476 - 195) * (616 - 23) / (480 * 640))


def test_what_cannot_be_compared_is_refused_with_words():
    truth = np.full((1, 4, 4), 2.0)
    with pytest.raises(RefinezooError, match="divided by 1000"):
        depth_metrics(truth, truth * 1000, max_depth=8.0)
    with pytest.raises(RefinezooError, match="of one shape"):
        depth_metrics(truth[:, :2], truth)
    with pytest.raises(RefinezooError, match="NaN"):
        depth_metrics(truth * np.nan, truth)
    with pytest.raises(RefinezooError, match=r"\[B, H, W\]"):
        depth_metrics(truth[0], truth[0])
    with pytest.raises(RefinezooError, match="min_depth < max_depth"):
        depth_metrics(truth, truth, min_depth=3, max_depth=2)
    with pytest.raises(RefinezooError, match="all is missing"):
        depth_metrics(truth, truth * 0)
