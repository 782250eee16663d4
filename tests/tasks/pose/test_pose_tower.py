"""A pose tower standing alone: what it reports, its preset, what is refused."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.metrics.pose import angle_error_degrees
from refinezoo.refiners import PixelDA
from refinezoo.tasks.pose.pose_tower import PoseTower

NAMES = ["dark", "grey", "bright"]


@pytest.fixture(scope="module")
def pose_tower(shades):
    images, labels, q = shades
    keras.utils.set_random_seed(0)
    model = PoseTower(NAMES, image_size=8, width_multiplier=0.2, learning_rate=0.01)
    model.compile()
    model.fit(images, {"label": labels, "quaternion": q}, batch_size=24, epochs=2, verbose=0)
    return model


def test_it_reports_accuracy_and_angle(pose_tower, shades):
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


def test_the_task_model_of_a_refiner_stands_alone():
    settings = {
        "class_names": NAMES,
        "image_size": 8,
        "width": 4,
        "blocks": 1,
        "tower": "doubling",
        "tower_width_multiplier": 0.2,
        "tower_dropout": 0.1,
    }
    pose = PoseTower.from_pixelda(PixelDA(**settings, quaternion=True))
    assert pose.get_config()["tower"] == "doubling" and pose.get_config()["dropout"] == 0.1
    with pytest.raises(RefinezooError, match="quaternion=True"):
        PoseTower.from_pixelda(PixelDA(**settings))


def test_wrong_data_is_refused(pose_tower, shades):
    images, labels, q = shades
    with pytest.raises(RefinezooError, match="unit quaternions"):
        pose_tower.fit(images, {"label": labels, "quaternion": q * 3}, verbose=0)
    with pytest.raises(RefinezooError, match='expected targets {"label"'):
        pose_tower.fit(images, labels, verbose=0)
