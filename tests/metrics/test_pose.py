import numpy as np
import pytest

from refinezoo.metrics.pose import MeanAngleError, angle_error_degrees


def about_z(degrees):
    half = np.radians(np.asarray(degrees, "float64")) / 2
    return np.stack([np.cos(half), 0 * half, 0 * half, np.sin(half)], axis=-1)


def test_angles_are_those_of_the_rotation():
    truth, turned = about_z([0, 10, 0, 0]), about_z([30, 10, 180, 350])
    errors = angle_error_degrees(truth, turned, epsilon=0.0)
    np.testing.assert_allclose(errors, [30, 0, 180, 10], atol=1e-5)
    np.testing.assert_allclose(angle_error_degrees(truth, -turned, epsilon=0.0), errors)


def test_the_published_rule_has_a_floor():
    q = about_z([20.0])
    assert angle_error_degrees(q, q)[0] == pytest.approx(1.62, abs=0.005)


@pytest.mark.parametrize("epsilon", [1e-4, 0.0])
def test_the_metric_is_the_mean_over_all_batches(epsilon):
    metric = MeanAngleError(epsilon)
    truth, turned = about_z([0, 10, 20]), about_z([30, 15, 100])
    metric.update_state(truth[:1], turned[:1])
    metric.update_state(truth[1:], -turned[1:])
    expected = angle_error_degrees(truth, turned, epsilon).mean()
    assert float(metric.result()) == pytest.approx(expected, abs=0.01)
    twin = MeanAngleError.from_config(metric.get_config())
    assert twin.epsilon == epsilon
