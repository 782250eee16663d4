"""KID against a double loop, and what pins it down."""

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.metrics.kid import image_kid, kid


def by_loops(x, y):
    def k(a, b):
        return (float(a @ b) / len(a) + 1.0) ** 3

    m, n = len(x), len(y)
    own = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    theirs = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return own + theirs - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


def test_it_is_the_unbiased_estimate(rng):
    x, y = rng.normal(size=(7, 5)), rng.normal(0.5, size=(9, 5))
    found = kid(x, y)
    assert found["kid"] == pytest.approx(by_loops(x, y), rel=1e-9)
    assert found["n"] == [7, 9] and found["spread"] is None


def test_one_kind_is_near_zero_and_another_is_not(rng):
    x, y, z = rng.normal(size=(400, 8)), rng.normal(size=(400, 8)), rng.normal(1, size=(400, 8))
    assert abs(kid(x, y)["kid"]) < 0.1 < kid(x, z)["kid"]
    subsets = kid(x, z, subset=50)
    assert subsets["kid"] == pytest.approx(kid(x, z)["kid"], rel=0.2) and subsets["spread"] > 0.0


def test_images_carry_their_recipe(toy_backbone, rng):
    images = [rng.integers(0, 256, (20 + k, 30, 3), "uint8") for k in range(5)]
    found = image_kid(toy_backbone(), images, [p // 4 for p in images], size=32, batch_size=2)
    assert found["n"] == [5, 5] and found["size"] == 32 and found["kid"] > 0.0
    assert "bilinear" in found["resize"] and "toy_backbone" in found["features"]


def test_what_it_refuses(rng):
    x = rng.normal(size=(4, 3))
    for wrong, message in (
        ((x, x[:1]), "at least two images"),
        ((x, x[:, :2]), "of one network"),
        ((x, x * np.nan), "finite features"),
    ):
        with pytest.raises(RefinezooError, match=message):
            kid(*wrong)
    with pytest.raises(RefinezooError, match="subset=5"):
        kid(x, x, subset=5)
    with pytest.raises(RefinezooError, match="received none"):
        image_kid(None, [], [])
    with pytest.raises(RefinezooError, match="float64"):
        image_kid(None, [np.zeros((4, 4, 3))], [])
