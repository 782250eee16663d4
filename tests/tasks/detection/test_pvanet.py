"""PVANET as a detector: learning, both passes through the network, presets, errors."""

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.tasks.detection import PVANET, DetectionBatches
from refinezoo.tasks.detection.frozen import FeatureBatches
from refinezoo.training.jit import choose_jit

TINY = {
    "image_size": 64,
    "width_multiplier": 0.125,
    "depth_multiplier": 0.25,
    "head_units": 32,
    "anchor_scales": [1, 1.5, 2],
    "anchor_ratios": [1],
    "candidates": 40,
    "proposals": 12,
    "roi_batch": 16,
    "rpn_batch": 32,
    "max_objects": 3,
    "top_k": 12,
    "keep": 8,
}


@pytest.fixture(scope="module", autouse=True)
def drawn():
    """Weights drawn by NumPy, because JAX compiles the drawing of each shape."""
    random = np.random.default_rng(0)

    def draw(self, shape, dtype=None):
        spread = np.sqrt(2 / (np.prod(shape[:-1]) + np.prod(shape[:-2]) * shape[-1]))
        return random.normal(0, spread, shape).astype(dtype)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.initializers.VarianceScaling, "__call__", draw)
        yield


def tiny(**changes) -> PVANET:
    keras.utils.set_random_seed(0)
    return PVANET(["red", "blue"], **{**TINY, **changes})


@pytest.fixture(scope="module")
def trained(make_squares, tmp_path_factory):
    """One detector fitted to four images, with its history and images."""
    squares = make_squares(tmp_path_factory.mktemp("squares"), count=4)
    detector = tiny()
    detector.compile(keras.optimizers.SGD(0.05, momentum=0.9, clipnorm=5.0))
    batches = DetectionBatches(squares, detector, 4, augmentation=None, steps=20)
    history = detector.fit(batches, epochs=4, verbose=0).history
    return detector, squares, batches, history


@pytest.fixture(scope="module")
def untrained() -> PVANET:
    return tiny(score_threshold=0.05)


def test_it_learns_a_few_images_by_heart(trained):
    detector, squares, batches, history = trained
    parts = ["rpn_class", "rpn_box", "region_class", "region_box"]
    assert set(history) == {"loss", *parts}
    np.testing.assert_allclose(
        history["loss"], sum(np.array(history[part]) for part in parts), rtol=1e-4
    )
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert detector.evaluate_coco(squares)["AP50"] > 0.7


def test_evaluate_gives_the_losses_without_learning(trained, eager):
    detector, _, batches, history = trained
    before = [np.array(v) for v in detector.weights]
    found = detector.evaluate(batches, steps=2, verbose=0, return_dict=True)
    assert set(found) == set(history) and 0 < found["loss"] < history["loss"][0]
    for value, variable in zip(before, detector.weights, strict=True):
        if "seed" not in variable.path:
            np.testing.assert_array_equal(value, np.array(variable), err_msg=variable.path)


def decoded(detector, raw):
    """As NumPy arrays; always of three images, because JAX compiles each shape anew."""
    return [ops.convert_to_numpy(part) for part in compiled(detector.decode)(raw)]


@pytest.mark.once
def test_predict_equals_decoding_the_call(trained):
    detector, squares, _, _ = trained
    images = np.stack(squares.images[:3])
    raw = detector.predict_on_batch(images)
    assert tuple(raw.shape) == (3, 12, 4 + 5 * 3)
    boxes, scores, classes, count = decoded(detector, raw)
    assert (count > 0).all() and boxes.shape == (3, 8, 4)
    assert 0 <= boxes.min() and boxes.max() <= 1
    found = detector.predict(images)
    np.testing.assert_allclose(found["scores"], scores, atol=1e-4)
    np.testing.assert_array_equal(found["classes"], classes)


def test_raw_predictions_are_decoded_class_by_class(untrained):
    raw = np.zeros((3, 12, 19), "float32")
    # The first: all cry "red", but only one is a proposal, the others are padding.
    raw[0, :, 5] = 9
    raw[0, 3, :4] = [0.2, 0.2, 0.6, 0.7]
    # The second: each class moves the proposal for itself, red a tenth of its width to the right.
    raw[1, 0, :4] = [0.2, 0.2, 0.6, 0.6]
    raw[1, 0, 4:7] = [0, 2, 1]
    raw[1, 0, 11:15] = [1, 0, 0, 0]
    raw[1, 0, 15:19] = [0, -1, 0, 0]
    # The third: one red thing, seen twice.
    raw[2, :2, :4] = [[0.2, 0.2, 0.6, 0.6], [0.2, 0.3, 0.6, 0.7]]
    raw[2, :2, 4:7] = [[0, 5, 0], [0, 4, 0]]
    boxes, scores, classes, count = decoded(untrained, raw)
    np.testing.assert_array_equal(count, [1, 2, 1])
    np.testing.assert_array_equal(classes[:, :3], [[0, -1, -1], [0, 1, -1], [0, -1, -1]])
    np.testing.assert_allclose(boxes[0, 0], raw[0, 3, :4], atol=1e-6)
    np.testing.assert_allclose(boxes[1, 0], [0.24, 0.2, 0.64, 0.6], atol=1e-6)
    np.testing.assert_allclose(boxes[1, 1], [0.2, 0.16, 0.6, 0.56], atol=1e-6)
    shares = np.exp([2, 1]) / (1 + np.exp(1) + np.exp(2))
    np.testing.assert_allclose(scores[1, :2], shares, rtol=1e-5)
    np.testing.assert_allclose(boxes[2, 0], raw[2, 0, :4], atol=1e-6)

    untrained.box_voting = True
    voted, weaker, _, count = decoded(untrained, raw)
    np.testing.assert_array_equal(count, [1, 2, 1])
    p, q = np.exp(5) / (np.exp(5) + 2), np.exp(4) / (np.exp(4) + 2)
    mean = (p * raw[2, 0, :4] + q * raw[2, 1, :4]) / (p + q)
    np.testing.assert_allclose(voted[2, 0], mean, atol=1e-5)
    # Two votes and three empty places that count 0.3 each.
    np.testing.assert_allclose(weaker[2, 0], (p + q) / 2 * (2 + 3 * 0.3) / 5, rtol=1e-5)


@pytest.mark.once
def test_another_set_of_classes_starts_from_all_but_their_outputs(trained):
    detector, _, _, _ = trained
    other = PVANET(["a", "b", "c"], **TINY)
    layers = sum(bool(layer.weights) for layer in other.network.layers)
    assert other.start_from(detector) == layers - 2  # class_scores and class_boxes
    same = [m.network.get_layer("rpn_objectness").get_weights()[0] for m in (detector, other)]
    np.testing.assert_array_equal(*same)


def test_the_stages_above_frozen_layers_train_on_their_features(trained, eager):
    detector, squares, batches, _ = trained
    trunk, above = detector.split_at("conv3_1")
    trunk.trainable = False
    before = {v.path: np.array(v) for v in detector.network.weights}
    features = FeatureBatches(batches, trunk, 4, steps=2)
    above.compile(keras.optimizers.SGD(0.01), loss=detector.loss, jit_compile=choose_jit())
    history = above.fit(features, epochs=1, verbose=0).history
    trunk.trainable = True
    assert set(history) == {"loss", "rpn_class", "rpn_box", "region_class", "region_box"}
    frozen = {v.path for v in trunk.weights}
    changed = {v.path for v in detector.network.weights if (np.array(v) != before[v.path]).any()}
    assert changed and not changed & frozen
    for name in ("conv4_1_0", "rpn_boxes", "fc6", "class_boxes"):
        assert f"{name}/kernel" in changed
    with pytest.raises(RefinezooError, match="conv3_1"):
        detector.split_at("conv3_l")


@pytest.mark.once
def test_targets_are_the_objects_themselves(untrained):
    detector = untrained
    boxes = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 1, 1]], "float32")
    objects = detector.encode(boxes, np.array([1, 0]), np.array([False, True]))
    assert objects.shape == (3, 5) and objects.dtype == np.float32
    np.testing.assert_array_equal(objects[:, 0], [2, -1, 0])
    np.testing.assert_array_equal(objects[:2, 1:], boxes)
    assert not detector.encode(np.zeros((0, 4)), np.zeros(0), np.zeros(0, bool)).any()


@pytest.mark.once
def test_mistakes_are_worded(untrained):
    with pytest.raises(RefinezooError, match="multiple of 32 pixels, received 100.*Take 96"):
        tiny(image_size=100)
    detector = untrained
    four = np.full((4, 4), 0.5), np.zeros(4, int), np.zeros(4, bool)
    with pytest.raises(RefinezooError, match="max_objects=3 .*received 4.*larger max_objects"):
        detector.encode(*four)
    with pytest.raises(RefinezooError, match="expected no loss, received 'mse'.*Leave loss out"):
        detector.compile(loss="mse")


@pytest.mark.once
def test_compile_defaults_to_the_authors(untrained):
    untrained.compile()
    optimizer = untrained.optimizer
    assert float(optimizer.learning_rate) == pytest.approx(1e-3)
    assert optimizer.momentum == 0.9 and optimizer.weight_decay == 2e-3
