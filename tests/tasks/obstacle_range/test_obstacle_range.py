"""Obstacle ranges: targets, network, metrics, loss, presets."""

import keras
import numpy as np
import pytest

from refinezoo.data.arrays import ArrayBatches
from refinezoo.errors import RefinezooError
from refinezoo.losses.obstacle_range import log_range_huber
from refinezoo.networks.obstacle_range import obstacle_range_network
from refinezoo.tasks.obstacle_range.obstacle_range import (
    ObstacleRange,
    sector_headings,
    sector_ranges,
)

SIZE = (32, 64)


@pytest.fixture(scope="module")
def bars():
    """A dark bar whose width tells its range, in one of four sectors; the rest is free."""
    rng = np.random.default_rng(0)
    images = rng.integers(150, 200, (16, *SIZE, 3), "uint8")
    ranges = np.full((16, 4), 10.0, "float32")
    for k in range(16):
        sector, metres = k % 4, 1.0 + k // 4
        half = int(7 / metres) + 1
        middle = sector * 16 + 8
        images[k, :, middle - half : middle + half] = 20
        ranges[k, sector] = metres
    return images, ranges


@pytest.fixture(scope="module")
def model(bars):
    keras.utils.set_random_seed(0)
    model = ObstacleRange(
        image_size=SIZE, sectors=4, r_max=10.0, width_multiplier=0.25, learning_rate=0.01
    )
    model.compile()
    model.fit(*bars, batch_size=16, epochs=80, verbose=0)
    return model


def test_it_overfits_and_says_so(model, bars):
    images, ranges = bars
    found = model.predict_ranges(images, batch_size=16)
    assert found.dtype == np.float32 and found.shape == (16, 4)
    scores = model.evaluate_ranges(images, ranges, d_safe=5.0, batch_size=16)
    assert scores["mean_abs_error_m"] < 1.0 and scores["f1"] > 0.9
    assert scores["mean_abs_error_m"] == pytest.approx(np.abs(found - ranges).mean(), rel=1e-5)
    logs = model.evaluate(images, ranges, batch_size=16, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "mean_abs_error_m"}
    assert logs["mean_abs_error_m"] == pytest.approx(scores["mean_abs_error_m"], abs=0.02)


@pytest.mark.once
def test_fit_takes_batches(bars):
    model = ObstacleRange(image_size=SIZE, sectors=4, r_max=10.0, width_multiplier=0.25)
    model.compile()
    images, ranges = bars
    batches = ArrayBatches((images, ranges), batch_size=16, steps=1)
    history = model.fit(batches, epochs=1, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_sectors_keep_their_place(bars):
    """What is drawn in one quarter of the image moves the ranges of that quarter the most."""
    keras.utils.set_random_seed(1)
    network = obstacle_range_network((32, 128), 8, width_multiplier=0.25)
    images = np.full((2, 32, 128, 3), 128.0, "float32")
    images[1, :, :32] = 0.0
    a, b = keras.ops.convert_to_numpy(network(images, training=False))
    moved = np.abs(a - b).reshape(4, 2).max(axis=1)
    assert moved.argmax() == 0 and moved[3] < 1e-6 * moved[0]


def test_the_network_is_the_one_described():
    network = obstacle_range_network((96, 128), 16)
    assert network.output_shape == (None, 16)
    kernels = [w.shape for w in network.trainable_weights if len(w.shape) == 4]
    assert kernels == [
        (3, 3, 3, 32),
        (3, 3, 32, 64),
        (3, 3, 64, 128),
        (3, 3, 128, 128),
        (3, 3, 128, 256),
        (1, 1, 256, 4),
    ]
    with pytest.raises(RefinezooError, match=r"multiples of 32 pixels, received \(90, 128\)"):
        obstacle_range_network((90, 128), 16)
    with pytest.raises(RefinezooError, match="multiple of 4 .*received 6"):
        obstacle_range_network((96, 128), 6)


def test_loss_by_hand():
    truth = np.array([[2.0, 4.0]], "float32")
    predicted = np.log(truth) + np.array([[0.3, -2.0]], "float32")
    expected = (0.5 * 0.3**2 + 0.5 * (2.0 - 0.25)) / 2
    assert float(log_range_huber(truth, predicted)) == pytest.approx(expected, rel=1e-5)
    nothing = log_range_huber(np.zeros((1, 1), "float32"), np.log([[0.2]]).astype("float32"))
    assert float(nothing) == pytest.approx(0.0, abs=1e-6)


def test_targets_of_depth_made_by_hand():
    depth = np.zeros((33, 64), "float32")  # all sky
    np.testing.assert_allclose(sector_ranges(depth, sectors=4), 20.0)
    depth[:, 16:32] = 5.0  # an upright plane in the second sector
    depth[:8] = 1.0  # a roof, out of the band around the horizon
    found = sector_ranges(depth, sectors=4, field_of_view=90.0, percentile=0)
    slant = np.hypot(1, (31.5 - 31) / 32)  # its nearest ray is the most central
    np.testing.assert_allclose(found, [20.0, 5.0 * slant, 20.0, 20.0], rtol=1e-6)
    thin = np.full((33, 64), 12.0, "float32")
    thin[16, 40] = 2.0  # one pixel in about 48: under 5 %
    assert sector_ranges(thin, sectors=4, field_of_view=90.0)[2] > 11.0
    batch = sector_ranges(np.stack([depth, thin])[..., None], sectors=4, r_max=8.0)
    assert batch.shape == (2, 4) and batch.max() == 8.0 and batch.dtype == np.float32


def test_only_the_horizon_counts():
    focal = 32 / np.tan(np.radians(40))
    rows = np.arange(64)[:, None] - 31.5
    ground = np.where(rows > 0, 1.5 * focal / np.maximum(rows, 0.1), 0.0)
    depth = np.broadcast_to(ground, (64, 64)).astype("float32")
    np.testing.assert_allclose(sector_ranges(depth, v=4.0), 20.0)
    assert sector_ranges(depth, v=20.0).max() < 10.0


def test_headings_look_where_the_sectors_are():
    headings = np.degrees(sector_headings(4, 90.0))
    np.testing.assert_allclose(headings, np.degrees(np.arctan([-0.75, -0.25, 0.25, 0.75])))


@pytest.mark.parametrize(
    "depth, settings, words",
    [
        (np.zeros((4, 4, 2, 3)), {}, r"\[B, H, W\]"),
        (np.full((8, 8), -1.0), {}, "negative"),
        (np.full((8, 8), np.inf), {}, "infinite"),
        (np.zeros((8, 8)), {"sectors": 9}, "1 to 8 sectors"),
        (np.zeros((8, 8)), {"sectors": 2, "field_of_view": 180}, "between 0 and 180"),
    ],
)
def test_depth_that_is_none_is_refused(depth, settings, words):
    with pytest.raises(RefinezooError, match=words):
        sector_ranges(depth, **settings)


def test_wrong_data_is_refused(model, bars):
    images, ranges = bars
    for wrong in (images / 255.0, images[:, :16], images[..., 0]):
        with pytest.raises(RefinezooError, match=r"uint8 RGB images \[N, 32, 64, 3\]"):
            model.fit(wrong, ranges, verbose=0)
    for wrong in (images / 255.0, images[..., 0]):  # another size is scaled, as when served
        with pytest.raises(RefinezooError, match="uint8 RGB images"):
            model.predict_ranges(wrong)
    with pytest.raises(RefinezooError, match=r"ranges_m \[16, 4\]"):
        model.fit(images, ranges[:, :3], verbose=0)
    with pytest.raises(RefinezooError, match="from 0 to r_max=10"):
        model.fit(images, ranges * 2, verbose=0)
    with pytest.raises(RefinezooError, match=r"batches \(images, ranges_m\)"):
        model.fit(images, verbose=0)
    with pytest.raises(RefinezooError, match="r_max above 0.2"):
        ObstacleRange(image_size=SIZE, sectors=4, r_max=0.1)
