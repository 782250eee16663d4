"""Starting from another detector's weights, and training above frozen layers."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.losses.detection import MultiboxLoss
from refinezoo.tasks.detection import SSD300, DetectionBatches
from refinezoo.tasks.detection.frozen import FeatureBatches, split_at

TINY = {"image_size": 64, "width_multiplier": 0.0625, "batch_norm": True, "top_k": 20, "keep": 10}


@pytest.fixture(scope="module")
def detector():
    keras.utils.set_random_seed(0)
    return SSD300(["red", "blue"], **TINY)


def values(network):
    return {layer.name: [np.asarray(w) for w in layer.weights] for layer in network.layers}


@pytest.mark.once
def test_start_from_takes_over_all_but_the_scores_of_other_classes(detector):
    keras.utils.set_random_seed(1)
    source = SSD300(["a", "b", "c"], **TINY)
    before, theirs = values(detector.network), values(source.network)
    assert detector.start_from(source) > 10
    after = values(detector.network)
    for name, weights in after.items():
        expected = before if name.endswith("_scores") else theirs
        for ours, wanted in zip(weights, expected[name], strict=True):
            np.testing.assert_array_equal(ours, wanted)


@pytest.mark.once
def test_start_from_another_width_is_refused(detector):
    class Other:
        class_names = ["a"]
        inference_network = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])

    with pytest.raises(RefinezooError, match="same architecture and width"):
        detector.start_from(Other())


def test_the_two_parts_make_the_whole(detector, rng):
    trunk, upper = split_at(detector.network, "conv4_3_relu")
    images = rng.integers(0, 256, (2, 64, 64, 3)).astype("float32")
    whole = np.asarray(detector.network(images))
    np.testing.assert_allclose(np.asarray(upper(trunk(images))), whole, atol=1e-4)
    with pytest.raises(RefinezooError, match="conv4_3_relu"):
        split_at(detector.network, "conv4_3_rel")


@pytest.mark.once
def test_finer_maps_that_the_rest_looks_at_are_handed_over_too(rng):
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 3))
    fine = keras.layers.Conv2D(4, 3, 2, name="fine")(images)
    coarse = keras.layers.Conv2D(5, 1, name="coarse")(fine)
    last = keras.layers.Conv2D(6, 1, name="last")(coarse)
    network = keras.Model(images, keras.layers.Concatenate()([last, fine, coarse]))
    trunk, upper = split_at(network, "coarse")
    pixels = rng.uniform(size=(2, 8, 8, 3)).astype("float32")
    maps = trunk(pixels)
    assert sorted(each.shape[-1] for each in maps) == [4, 5]
    np.testing.assert_allclose(np.asarray(upper(maps)), np.asarray(network(pixels)), atol=1e-6)
    trunk.trainable = False
    assert [w.path.split("/")[0] for w in upper.trainable_weights] == ["last", "last"]


@pytest.mark.once  # PVANET's does on both
def test_training_the_upper_part_trains_the_detector_above_the_cut(detector, squares):
    trunk, upper = split_at(detector.network, "conv4_3_relu")
    trunk.trainable = False
    images = DetectionBatches(squares, detector, batch_size=8, steps=2, seed=0)
    batches = FeatureBatches(images, trunk, 4, steps=3, seed=0)
    assert len(batches) == 3 and len(batches.features) == 16
    again = FeatureBatches(images, trunk, 4, steps=3, seed=0)
    np.testing.assert_array_equal(batches[1][0], again[1][0])
    seen = np.concatenate([batches[i][1] for i in range(3)])
    batches.on_epoch_end()
    assert not np.array_equal(seen[:4], batches[0][1])

    before = values(detector.network)
    upper.compile("sgd", loss=MultiboxLoss(), jit_compile=False)
    upper.fit(batches, epochs=1, verbose=0)
    after = values(detector.network)
    frozen = {layer.name for layer in trunk.layers}
    changed = {
        name
        for name, weights in after.items()
        if any(not np.array_equal(a, b) for a, b in zip(weights, before[name], strict=True))
    }
    assert changed and not changed & frozen
    assert "fc7" in changed or any(name.startswith("fc7") for name in changed)
