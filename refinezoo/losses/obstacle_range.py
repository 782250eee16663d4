"""The loss of obstacle ranges: a Huber loss on their logarithms."""

from keras import ops

LEAST_RANGE_M = 0.2  # nearer counts as this: the logarithm of 0 is none


def log_range_huber(ranges_m, log_ranges, delta=0.5):
    """mean of h(log_ranges - ln r) with h(e) = e^2 / 2 up to `delta`, delta (|e| - delta/2) beyond.

    In logarithms a metre counts the more, the nearer the obstacle.

    Args:
        ranges_m: true ranges r, float `[B, N]`, metres; below 0.2 counts as 0.2.
        log_ranges: predicted ln r, float `[B, N]`.
        delta: where the quadratic part ends; 0.5 is a factor of 1.65.

    Returns:
        Scalar.
    """
    truth = ops.log(ops.maximum(ops.cast(ranges_m, "float32"), LEAST_RANGE_M))
    error = ops.abs(ops.cast(log_ranges, "float32") - truth)
    square, line = 0.5 * error * error, delta * (error - 0.5 * delta)
    return ops.mean(ops.where(error <= delta, square, line))
