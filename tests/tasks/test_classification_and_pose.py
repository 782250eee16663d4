"""Task towers standing alone: stock fit, predict and evaluate; presets; what is refused."""

import keras
import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.metrics.pose import angle_error_degrees
from refinezoo.refiners import PixelDA
from refinezoo.tasks.classification.classifier import Classifier
from refinezoo.tasks.pose.pose_tower import PoseTower

NAMES = ["dark", "grey", "bright"]


@pytest.fixture(scope="module")
def shades():
    """Images of three brightnesses, their labels, and rotations that go with them."""
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    images = 20 + 90 * labels[:, None, None, None] + rng.integers(0, 20, (24, 8, 8, 3))
    half = np.radians(labels * 40.0)
    q = np.stack([np.cos(half), np.sin(half), 0 * half, 0 * half], axis=-1).astype("float32")
    return images.astype("uint8"), labels, q


@pytest.fixture(scope="module")
def classifier(shades):
    keras.utils.set_random_seed(0)
    model = Classifier(NAMES, image_size=8, width=0.2, learning_rate=0.01)
    model.compile()
    model.fit(*shades[:2], batch_size=24, epochs=40, verbose=0)
    return model


def test_a_classifier_learns_and_says_so(classifier, shades):
    images, labels, _ = shades
    logs = classifier.evaluate(images, labels, batch_size=24, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "accuracy"} and logs["accuracy"] > 0.9
    np.testing.assert_array_equal(classifier.predict_labels(images, batch_size=24), labels)
    probability = classifier.predict_probability(images, batch_size=24)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(probability.argmax(axis=1), labels)


@pytest.fixture(scope="module")
def pose_tower(shades):
    images, labels, q = shades
    keras.utils.set_random_seed(0)
    model = PoseTower(NAMES, image_size=8, width=0.2, learning_rate=0.01)
    model.compile()
    model.fit(images, {"label": labels, "quaternion": q}, batch_size=24, epochs=2, verbose=0)
    return model


def test_a_pose_tower_reports_accuracy_and_angle(pose_tower, shades):
    images, labels, q = shades
    logs = pose_tower.evaluate(
        images, {"label": labels, "quaternion": q}, batch_size=24, verbose=0, return_dict=True
    )
    found = pose_tower.predict_pose(images, batch_size=24)
    scores = pose_tower.evaluate_pose(images, labels, q, batch_size=24)
    assert scores["accuracy"] == pytest.approx(np.mean(found["label"] == labels))
    assert scores["accuracy"] == pytest.approx(logs["label_accuracy"])
    expected = angle_error_degrees(q, found["quaternion"]).mean()
    assert scores["angle_error_degrees"] == pytest.approx(expected)
    assert logs["quaternion_angle_error_degrees"] == pytest.approx(expected, abs=0.05)
    weighted = logs["label_loss"] + 0.25 * logs["quaternion_loss"]
    assert logs["loss"] == pytest.approx(weighted, rel=1e-4)


@pytest.mark.parametrize("name", ["classifier", "pose_tower"])
def test_preset_round_trip(name, request, shades, tmp_path):
    model = request.getfixturevalue(name)
    model.save_to_preset(tmp_path / "preset")
    loaded = refinezoo.load(str(tmp_path / "preset"))
    assert type(loaded) is type(model) and loaded.class_names == NAMES
    np.testing.assert_allclose(
        loaded.predict_probability(shades[0], batch_size=24),
        model.predict_probability(shades[0], batch_size=24),
        atol=0.02,
    )


def test_the_task_model_of_a_refiner_stands_alone(shades):
    settings = {"class_names": NAMES, "image_size": 8, "width": 4, "tower_width": 0.2}
    refiner = PixelDA(**settings)
    model = Classifier.from_pixelda(refiner)
    np.testing.assert_allclose(
        model.predict_probability(shades[0]),
        refiner.predict_task(shades[0])["probability"],
        atol=1e-6,
    )
    with pytest.raises(RefinezooError, match="quaternion=True"):
        PoseTower.from_pixelda(refiner)
    pose = PoseTower.from_pixelda(
        PixelDA(**settings, tower="doubling", quaternion=True, tower_dropout=0.1)
    )
    assert pose.get_config()["tower"] == "doubling" and pose.get_config()["dropout"] == 0.1


def test_wrong_data_is_refused(classifier, pose_tower, shades):
    images, labels, q = shades
    for wrong in (images / 255.0, images[:, :4], images[..., 0]):
        with pytest.raises(RefinezooError, match=r"uint8 RGB images \[N, 8, 8, 3\]"):
            classifier.fit(wrong, labels, verbose=0)
        with pytest.raises(RefinezooError, match=r"uint8 RGB images"):
            classifier.predict_labels(wrong)
    with pytest.raises(RefinezooError, match="from 0 to 2, received"):
        classifier.fit(images, labels + 1, verbose=0)
    with pytest.raises(RefinezooError, match="from 0 to 2, received"):
        classifier.fit(iter([(images, labels + 1)]), verbose=0)
    with pytest.raises(RefinezooError, match=r"batches \(images, targets\)"):
        classifier.fit(images, verbose=0)
    with pytest.raises(RefinezooError, match="unit quaternions"):
        pose_tower.fit(images, {"label": labels, "quaternion": q * 3}, verbose=0)
    with pytest.raises(RefinezooError, match='expected targets {"label"'):
        pose_tower.fit(images, labels, verbose=0)
    for names in ("abc", ["a", "a"]):
        with pytest.raises(RefinezooError, match="list of different names"):
            Classifier(names)
