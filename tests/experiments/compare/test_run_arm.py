import json

import keras
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare import run_arm
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.schema import read_study
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.experiments.compare.training import prepare
from refinezoo.experiments.compare.trainings import Trainings

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture
def spec_folder(toy, tmp_path):
    """The folder of one training of the toy study, real and synthetic mixed, ready to run."""
    toy.write_world(tmp_path / "data")
    read = read_study(toy.write_study(tmp_path / "study.yaml"))
    preparation = Preparation(read, tmp_path / "out", tmp_path / "data", lambda line: None)
    trainings = Trainings(read, tmp_path / "out", preparation.sets(), preparation.test())
    return trainings.of("real+synthetic", 1).folder


def test_one_arm_leaves_result_detections_and_a_preset_that_loads(spec_folder):
    result = run_arm.main(spec_folder)
    spec = json.loads((spec_folder / "spec.json").read_text())
    assert result == json.loads((spec_folder / "result.json").read_text())
    assert result["hash"] == spec["hash"] and result["steps"] == 4
    assert (result["arm"], result["seed"]) == ("real+synthetic", 1)
    assert {"AP", "AP50", "AP75"} == set(result["metrics"])
    assert all(0 <= value <= 1 for value in result["metrics"].values())
    detections = json.loads((spec_folder / "detections.json").read_text())
    assert {row["category_id"] for row in detections} <= {3, 7}
    assert {row["image_id"] for row in detections} <= {1, 2, 3, 4}
    detector = refinezoo.load(spec_folder / "preset")
    assert detector.class_names == ["square", "disc"] and detector.image_size == 64
    assert sorted(path.name for path in spec_folder.iterdir()) == [
        ".refinezoo",
        "detections.json",
        "examples",
        "preset",
        "result.json",
        "spec.json",
    ]


def test_half_of_each_batch_is_real_and_classes_follow_the_test_set(spec_folder):
    spec = json.loads((spec_folder / "spec.json").read_text())
    detector, _, mixed = prepare(task_named("detection"), spec)
    assert [part.batch_size for part in mixed.parts] == [2, 2]
    assert [len(part.dataset) for part in mixed.parts] == [6, 8]
    images, targets = mixed[0]
    assert images.shape == (4, 64, 64, 3) and len(targets) == 4
    assert detector.class_names == ["square", "disc"]


def test_frozen_layers_feed_the_rest_with_stored_features(spec_folder):
    spec = json.loads((spec_folder / "spec.json").read_text())
    spec["training"] |= {"freeze": "conv4_3", "augmented_images": 8}
    detector, upper, mixed = prepare(task_named("detection"), spec)
    features, targets = mixed[0]
    assert upper is not detector and upper.optimizer is not None and len(targets) == 4
    maps = detector.network.get_layer("conv4_3").output.shape[1:]
    assert any(part.shape[1:] == maps for part in keras.tree.flatten(features))
    assert not detector.network.get_layer("conv4_3").trainable


def test_augmentation_is_a_switch_or_a_mapping():
    task = task_named("detection")
    model = {"class": "SSD300"}
    for value in (True, False, {"flip": 0.5, "min_ious": [None, 0.5]}):
        task.check(model, {"augmentation": value})
    with pytest.raises(RefinezooError, match="true, false or a mapping"):
        task.check(model, {"augmentation": "strong"})
