"""Layout statistics measured from foreground masks."""

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.scenes.compose import LayoutStatistics


def mask(*boxes, size=100):
    found = np.zeros((size, size, 1), np.float32)
    for x, y, w, h in boxes:
        found[y : y + h, x : x + w] = 1.0
    return found


def test_measured_from_masks():
    rng = np.random.default_rng(0)
    heights = rng.integers(30, 70, 400)
    masks = [mask((30, 20, 25, height)) for height in heights]
    statistics = LayoutStatistics.measured(masks, hand=0.0)
    assert np.allclose(statistics.box_height, np.quantile(heights, (0.05, 0.5, 0.95)) / 100)
    assert statistics.box_width == (0.25, 0.25, 0.25)
    assert statistics.centre_x == (0.425,) * 3
    assert (statistics.cut, statistics.hand, statistics.tray_count) == (0.0, 0.0, (1, 1))


def test_the_largest_region_counts_and_noise_does_not():
    cluttered = mask((0, 10, 40, 40), (60, 60, 20, 30), (95, 95, 2, 2))
    statistics = LayoutStatistics.measured([cluttered, mask()])
    assert statistics.box_height == (0.4, 0.4, 0.4) and statistics.cut == 1.0
    assert statistics.tray_count == (2, 2)


def test_masks_without_an_object_are_refused():
    with pytest.raises(RefinezooError, match="polarity"):
        LayoutStatistics.measured([mask(), mask()])
