"""Models that start from ImageNet features."""

import keras
import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.tasks.classification import Classifier
from refinezoo.tasks.detection import SSD300, DetectionBatches
from refinezoo.tasks.pose import PoseTower
from refinezoo.training.start import named_layers, slow_backbone

pytestmark = pytest.mark.once  # each backend's own steps are those of the models without it

LITE0 = {"backbone": "efficientnet_lite0"}
IMAGENET = "efficientnet_lite0_imagenet"


@pytest.fixture(scope="module")
def imagenet():
    return refinezoo.load(IMAGENET)


def backbone_of(model):
    return {
        name: layer.get_weights()
        for name, layer in named_layers(model.inference_network).items()
        if name.startswith("lite0_")
    }


def same(ours, theirs):
    return all(
        np.array_equal(a, b) for name in ours for a, b in zip(ours[name], theirs[name], strict=True)
    )


def test_ssd_starts_from_imagenet_by_name_and_by_model(imagenet):
    detector = SSD300(["red", "blue"], image_size=96, width=0.05, **LITE0)
    again = SSD300(["red", "blue"], image_size=96, width=0.05, **LITE0)
    wanted = backbone_of(imagenet)
    assert not same(backbone_of(detector), wanted)
    assert detector.start_from(IMAGENET) == again.start_from(imagenet) == len(backbone_of(again))
    assert same(backbone_of(detector), wanted) and same(backbone_of(again), wanted)


@pytest.mark.parametrize(
    ("size", "cells"), [(96, (6, 3, 2, 1)), (224, (14, 7, 4, 2, 1)), (320, (20, 10, 5, 3, 1))]
)
def test_ssd_anchors_and_predictions_agree(size, cells):
    detector = SSD300(["a"], image_size=size, width=0.05, **LITE0)
    assert detector.network.output.shape == (None, len(detector.anchors), 6)
    per_cell = [6] * (len(cells) - 2) + [4, 4]
    assert len(detector.anchors) == sum(n * c**2 for n, c in zip(per_cell, cells, strict=True))
    # Every centre of the finest map lies in the middle of its 16 pixels.
    first = detector.anchors[: 6 * cells[0] ** 2 : 6, :2].reshape(cells[0], cells[0], 2)
    np.testing.assert_allclose(first[0, :, 0] * size, 16 * (np.arange(cells[0]) + 0.5), rtol=1e-5)


def test_ssd_learns_with_a_slow_backbone_and_frozen_batch_norm(squares, imagenet):
    keras.utils.set_random_seed(0)
    detector = SSD300(["red", "blue"], image_size=96, width=0.1, keep=20, top_k=50, **LITE0)
    detector.start_from(imagenet)
    detector.compile(slow_backbone(3e-3))
    batches = DetectionBatches(squares, detector, 8, augmentation=None, steps=12)
    history = detector.fit(batches, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]
    moved, before = backbone_of(detector), backbone_of(imagenet)
    for name, weights in moved.items():
        still = all(np.array_equal(a, b) for a, b in zip(weights, before[name], strict=True))
        assert still == name.endswith("_bn"), name


def test_ssd_round_trip(tmp_path, rng):
    detector = SSD300(["red", "blue"], image_size=96, width=0.05, keep=5, **LITE0)
    detector.save_to_preset(tmp_path / "ssd")
    again = refinezoo.load(tmp_path / "ssd")
    assert again.get_config() == detector.get_config()
    images = rng.integers(0, 256, (1, 96, 96, 3)).astype("float32")
    np.testing.assert_allclose(
        np.asarray(again(images)), np.asarray(detector(images)), rtol=0.02, atol=0.05
    )


def test_ssd_of_an_earlier_version_loads(tmp_path):
    detector = SSD300(["red"], image_size=64, width=0.05)
    config = {key: value for key, value in detector.get_config().items() if key != "backbone"}
    assert SSD300.from_config(config).get_config() == detector.get_config()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_size": 200}, "multiple of 32 pixels.*received 200. Take 192"),
        ({"image_size": 64}, "at least 96.*Take 96"),
        ({"backbone": "efficientnet_lite"}, "Did you mean 'efficientnet_lite0'"),
    ],
)
def test_ssd_refuses(changes, words):
    with pytest.raises(RefinezooError, match=words):
        SSD300(["a"], **{"image_size": 96, **LITE0, **changes})


def test_what_cannot_be_started_from(imagenet, tmp_path):
    detector = SSD300(["a"], image_size=96, width=0.05, **LITE0)
    with pytest.raises(RefinezooError, match="layer of fitting name and shape.*efficientnet_lite0"):
        detector.start_from("ssd300_fridge")
    with pytest.raises(RefinezooError, match="Did you mean 'efficientnet_lite0_imagenet'"):
        detector.start_from("efficientnet_lite0_imagenets")
    with pytest.raises(RefinezooError, match="expected a Keras model"):
        detector.start_from(3)
    before = backbone_of(detector)
    with pytest.raises(RefinezooError, match="backbone efficientnet_lite0"):
        Classifier(["a", "b"]).start_from(imagenet)
    assert same(backbone_of(detector), before)


@pytest.mark.parametrize("tower", [Classifier, PoseTower])
def test_towers(tower, imagenet, rng, tmp_path):
    model = tower(["a", "b", "c"], image_size=96, tower="efficientnet_lite0")
    assert model.start_from(imagenet) == len(backbone_of(imagenet))
    images = rng.integers(0, 256, (4, 96, 96, 3), dtype=np.uint8)
    targets = np.array([0, 1, 2, 0])
    if tower is PoseTower:
        turned = rng.normal(size=(4, 4)).astype("float32")
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        targets = {"label": targets, "quaternion": turned}
    model.compile()
    model.fit(images, targets, batch_size=2, verbose=0)
    model.save_to_preset(tmp_path / "tower")
    again = refinezoo.load(tmp_path / "tower")
    np.testing.assert_allclose(
        again.predict_probability(images), model.predict_probability(images), atol=0.02
    )


def test_towers_refuse():
    with pytest.raises(RefinezooError, match="at least 96 pixels"):
        Classifier(["a", "b"], image_size=64, tower="efficientnet_lite0")
    with pytest.raises(RefinezooError, match="no width with efficientnet_lite0"):
        Classifier(["a", "b"], image_size=96, tower="efficientnet_lite0", width=0.5)
    with pytest.raises(RefinezooError, match="batch_norm"):
        Classifier(["a", "b"], batch_norm=True)
