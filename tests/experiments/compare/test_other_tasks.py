"""Studies of depth, poses and obstacle ranges: what is read, fed and measured, untrained."""

import cv2
import numpy as np
import pytest

from refinezoo.data.pose_files import write_pose_folder
from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.experiments.compare.training import prepare


def part(folder, name, **more):
    return {"name": name, "annotations": str(folder), "images": str(folder), "share": 1.0, **more}


def write_depth(folder, metres, count=3, size=(96, 128)):
    for name in ("images", "depth"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        image = np.random.default_rng(number).integers(0, 255, (*size, 3), "uint8")
        cv2.imwrite(str(folder / f"images/{number}.png"), image)
        depth = np.full(size, 1000 * metres, "uint16")
        depth[:8] = 0
        cv2.imwrite(str(folder / f"depth/{number}.png"), depth)
    return folder


def spec_of(task, model, sets, test, **training):
    training = {"batch_size": 2, "steps": 4, "backup_every": 2, "optimizer": "own", **training}
    training = {"augmentation": False, "freeze": None, **training}
    found = {"model": {"init": None, **model}, "training": training, "sets": sets, "test": test}
    task.check(found["model"], training)
    return {"seed": 0, **found}


@pytest.fixture
def rooms(tmp_path):
    return [
        part(write_depth(tmp_path / name, metres), name)
        for name, metres in (("synthetic", 2), ("real", 3), ("test", 4))
    ]


def test_depth_is_learnt_from_pairs_and_held_against_a_constant(rooms):
    synthetic, real, test = rooms
    task = task_named("depth", {"image_size": [96, 96], "max_depth": 6.0})
    config = {"width": 4, "max_depth": 5.0, "learning_rate": 0.002}
    model = {"class": "DepthUNet", "config": config}
    spec = spec_of(task, model, [synthetic], test, augmentation={"flip": 1.0})
    unet, fitted, mixed = prepare(task, spec)
    images, depth = mixed[0]
    assert fitted is unet and images.shape == (2, 96, 96, 3) and depth.shape == (2, 96, 96, 1)
    assert set(np.unique(depth)) == {0.0, 2.0} and len(mixed) == 2
    data = task.read_test(test, unet)
    assert data["image"].shape == (3, 96, 96, 3) and data["depth_m"].shape == (3, 96, 128, 1)
    constant = task.references({"synthetic": synthetic}, test, spec["model"])["constant"]
    assert constant["abs_rel"] == pytest.approx(0.5) and constant["rmse"] == pytest.approx(2.0)
    assert set(constant) == set(task.metrics) and set(task.lower) < set(constant)

    adapt = {"class": "T2Net", "image_size": [96, 96], "blocks": 1}
    t2net, _, mixed = prepare(
        task, {**spec, "sets": [{**synthetic, "adapt": adapt, "unlabelled": real}]}
    )
    batch = mixed[0]
    assert set(batch["synthetic"]) == {"image", "depth_m"} and set(batch["real"]) == {"image"}
    said = t2net.arguments
    assert (said["width"], said["depth_learning_rate"], said["blocks"]) == (4, 0.002, 1)
    answers = task.answers(t2net, list(data["image"][:1]))
    assert answers.shape == (1, 96, 96, 1)
    with pytest.raises(RefinezooError, match="expected a Classifier or PoseTower"):
        wrong = {**synthetic, "adapt": {"class": "PixelDA"}, "unlabelled": real}
        prepare(task, {**spec, "sets": [wrong]})


def test_poses_are_learnt_with_their_classes(tmp_path, rng):
    views = {
        "image": rng.integers(0, 255, (4, 16, 16, 3), "uint8"),
        "label": np.array([0, 1, 0, 1]),
        "quaternion": np.tile(np.float32([1, 0, 0, 0]), (4, 1)),
        "foreground_mask": np.ones((4, 16, 16, 1), "float32"),
    }
    sets = [
        part(write_pose_folder(tmp_path / name, views, ["tin", "box"]), name)
        for name in ("synthetic", "real", "test")
    ]
    task = task_named("pose")
    config = {"image_size": 16, "tower": "mnist", "width_multiplier": 0.1, "lambda_quaternion": 0.5}
    spec = spec_of(task, {"class": "PoseTower", "config": config}, sets[:1], sets[2])
    tower, _, mixed = prepare(task, spec)
    images, targets = mixed[0]
    assert tower.class_names == ["tin", "box"] and images.shape == (2, 16, 16, 3)
    assert set(targets) == {"label", "quaternion"}
    spec["training"]["augmentation"] = True
    lit, same = prepare(task, spec)[2][0]
    assert (lit != images).any() and set(same) == set(targets)
    np.testing.assert_array_equal(same["quaternion"], targets["quaternion"])
    found = task.evaluate(tower, task.read_test(sets[2], tower))
    metrics = found.metrics
    assert set(found.by_class) == {"tin", "box"}
    assert np.mean(list(found.by_class.values())) == pytest.approx(metrics["accuracy"])
    assert 0 <= metrics["accuracy"] <= 1 and 0 <= metrics["angle_error_degrees"] <= 180

    adapt = {"class": "PixelDA", "width": 4, "blocks": 1, "lambda_similarity": 0.1}
    spec["sets"] = [{**sets[0], "adapt": adapt, "unlabelled": sets[1]}]
    pixelda, _, mixed = prepare(task, spec)
    assert pixelda.arguments["lambda_quaternion"] == [0.5, 0.25]
    assert pixelda.quaternion and pixelda.arguments["tower_width_multiplier"] == 0.1
    assert "foreground_mask" in mixed[0]["synthetic"] and set(mixed[0]["real"]) == {"image"}
    measured = task.evaluate(pixelda, task.read_test(sets[2], pixelda))
    assert set(measured.metrics) == set(task.metrics)


def test_ranges_come_from_depth_and_are_flown(tmp_path):
    frames = [
        part(write_depth(tmp_path / name, metres, size=(32, 64)), name)
        for name, metres in (("synthetic", 4), ("test", 4))
    ]
    task = task_named("obstacle_range", {"worlds": 1})
    config = {"image_size": [32, 64], "sectors": 4, "width_multiplier": 0.1}
    model = {"class": "ObstacleRange", "config": config}
    spec = spec_of(task, model, frames[:1], frames[1], optimizer="adam", learning_rate=1e-3)
    spec["training"] |= {"warmup": 0, "schedule": "constant"}
    network, _, mixed = prepare(task, spec)
    images, ranges = mixed[0]
    assert images.shape == (2, 32, 64, 3) and ranges.shape == (2, 4)
    assert 4.0 <= ranges.min() and ranges.max() < 6.0
    spec["training"]["augmentation"] = True
    lit, same = prepare(task, spec)[2][0]
    assert (lit != images).any()
    np.testing.assert_array_equal(same, ranges)
    found = task.references({"synthetic": frames[0]}, frames[1], spec["model"])
    assert found["oracle"]["flown_m"] >= found["straight"]["flown_m"]
    assert set(found) == {"straight", "oracle", "constant"}
    assert task.photo_size(spec["model"]) == (32, 64)


def test_sets_and_settings_of_another_kind_are_refused(tmp_path):
    task = task_named("pose")
    with pytest.raises(RefinezooError, match="synthetic: expected the folder of a dataset"):
        task.read(part(tmp_path / "annotations.json", "synthetic"), None)
    with pytest.raises(RefinezooError, match="Did you mean 'max_depth'"):
        task_named("depth", {"image_size": [96, 128], "max_deph": 5})
    with pytest.raises(RefinezooError, match="image_size: expected a value"):
        task_named("depth")
    for kind in ("pose", "obstacle_range"):
        with pytest.raises(RefinezooError, match="augmentation.rotate is not known .brightness"):
            task_named(kind).augmentation({"rotate": 5})
