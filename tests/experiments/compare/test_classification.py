"""The study of digits: source-only, adapted and target-only towers, on toy digits."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

import refinezoo
from refinezoo.data import write_image
from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare import run_arm
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.schema import read_study
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.experiments.compare.training import prepare
from refinezoo.experiments.compare.trainings import Trainings


def write_digits(path, shift, count=40):
    """Digit k is a bright bar in row 2 + k; the domains differ in brightness."""
    labels = np.arange(count) % 10
    images = np.zeros((count, 16, 16), np.uint8)
    images[np.arange(count), labels + 2, 2:14] = 250 - shift
    arrays = {}
    for split in ("train", "test"):
        arrays |= {f"x_{split}": images, f"y_{split}": labels}
    np.savez(path, **arrays)


@pytest.fixture
def world(tmp_path):
    """A study file over toy digits and its reader."""
    write_digits(tmp_path / "source.npz", 0)
    write_digits(tmp_path / "target.npz", 120)
    adapt = {"class": "PixelDA", "width": 4, "blocks": 1}
    content = {
        "study": "toy_digits",
        "synthetic": {"digits": {"file": "source.npz", "image_size": 16}},
        "real": {"digits": {"file": "target.npz", "image_size": 16}},
        "refiners": {"refined": {"adapt": adapt}},
        "model": {
            "name": "tower",
            "task": "classification",
            "class": "Classifier",
            "config": {"image_size": 16, "tower": "mnist", "width_multiplier": 0.25},
        },
        "training": {"steps": 4, "batch_size": 4, "augmentation": False, "backup_every": 2},
        "arms": {"synthetic": ["synthetic"], "refined": ["refined"], "real": ["real"]},
        "metrics": ["accuracy"],
    }

    def read(**changes):
        (tmp_path / "study.yaml").write_text(yaml.safe_dump({**content, **changes}))
        return read_study(tmp_path / "study.yaml")

    return tmp_path, read


def training_of(tmp_path, read, arm, seed=0):
    preparation = Preparation(read, tmp_path / "out", tmp_path, lambda line: None)
    sets, test = preparation.sets(), preparation.test()
    return Trainings(read, tmp_path / "out", sets, test).of(arm, seed)


@pytest.mark.usefixtures("eager")
def test_each_arm_leaves_an_accuracy_and_a_preset_that_loads(world):
    tmp_path, read = world
    kinds = {}
    for arm in ("synthetic", "refined"):
        folder = training_of(tmp_path, read(), arm).folder
        result = run_arm.main(folder)
        assert result["metrics"].keys() == {"accuracy"}
        assert 0.0 <= result["metrics"]["accuracy"] <= 1.0 and np.isfinite(result["loss"])
        model = refinezoo.load(folder / "preset")
        kinds[arm] = type(model).__name__
        assert not (folder / "detections.json").exists()
        if arm == "refined":
            images = np.zeros((2, 16, 16, 3), "uint8")
            assert model.refine(images).shape == images.shape
            assert model.predict_labels(images).shape == (2,)
    assert kinds == {"synthetic": "Classifier", "refined": "PixelDA"}


def test_no_label_of_the_target_reaches_the_adaptation(world):
    tmp_path, read = world
    spec = json.loads((training_of(tmp_path, read(), "refined").folder / "spec.json").read_text())
    assert spec["sets"][0]["unlabelled"]["digits"]["split"] == "train"
    model, _, batches = prepare(task_named("classification"), spec)
    batch = batches[0]
    assert set(batch["synthetic"]) == {"image", "label"} and set(batch["real"]) == {"image"}
    assert batch["real"]["image"].max() == 130 and batch["synthetic"]["image"].max() == 250
    assert model.arguments["tower_width_multiplier"] == 0.25 and model.arguments["image_size"] == 16


def test_a_recipe_can_be_chosen_on_train_digits(world):
    tmp_path, read = world
    target = {"file": "target.npz", "image_size": 16, "measured_on": "validation"}
    chosen = training_of(tmp_path, read(real={"digits": target}), "refined")
    spec = json.loads((chosen.folder / "spec.json").read_text())
    assert spec["test"]["digits"]["split"] == "validation"
    assert spec["sets"][0]["unlabelled"]["digits"]["split"] == "train"


def test_a_tower_learns_the_toy_digits(world):
    tmp_path, read = world
    training = {
        "steps": 160,
        "batch_size": 20,
        "learning_rate": 0.003,
        "augmentation": False,
        "backup_every": 160,
    }
    folder = training_of(tmp_path, read(training=training), "real").folder
    assert run_arm.main(folder)["metrics"]["accuracy"] > 0.5  # by chance 0.1


@pytest.mark.usefixtures("eager")
def test_a_tower_learns_what_a_method_is_sure_of_and_no_label_of_the_target(world):
    tmp_path, read = world
    changes = {
        "pseudo_labels": {"named": {"arm": "refined", "score_threshold": 0.05}},
        "arms": {"refined": ["refined"], "named": ["named"]},
    }
    for arm in ("refined", "named"):
        folder = training_of(tmp_path, read(**changes), arm).folder
        result = run_arm.main(folder)
    assert result["pseudo_labels"] == {"named": {"photos": 40, "kept": 40}}
    teacher = refinezoo.load(tmp_path / "out/arms/refined/seed_0/preset")
    images = np.load(tmp_path / "target.npz")["x_train"]
    learnt = prepare(task_named("classification"), json.loads((folder / "spec.json").read_text()))
    shown, labels = learnt[2][0]
    rows = [int(np.flatnonzero((images == each[..., 0]).all(axis=(1, 2)))[0]) for each in shown]
    said = teacher.predict_labels(np.repeat(images[..., None], 3, axis=-1))
    assert labels.tolist() == said[rows].tolist()


def test_a_changed_method_repeats_only_its_own_arm(world):
    tmp_path, read = world

    def hashes(**changes):
        return {
            arm: json.loads(
                (training_of(tmp_path, read(**changes), arm).folder / "spec.json").read_text()
            )["hash"]
            for arm in ("synthetic", "refined", "real")
        }

    before = hashes()
    after = hashes(refiners={"refined": {"adapt": {"class": "PixelDA", "width": 8}}})
    assert before["refined"] != after["refined"]
    assert {arm for arm in before if before[arm] == after[arm]} == {"synthetic", "real"}


@pytest.mark.parametrize("adapts", [False, True])
def test_light_and_crops_vary_and_nothing_is_mirrored(world, adapts):
    tmp_path, read = world
    training = {"steps": 4, "batch_size": 4, "augmentation": True}
    if adapts:
        study = read(training=training)
    else:
        study = read(training=training, refiners={}, arms={"synthetic": ["synthetic"]})
    spec = json.loads(
        (
            training_of(tmp_path, study, "refined" if adapts else "synthetic").folder / "spec.json"
        ).read_text()
    )
    task = task_named("classification")
    _, _, source = prepare(task, spec)
    _, _, plain = prepare(task, {**spec, "training": {**spec["training"], "augmentation": False}})
    seen = [
        batches[0]["synthetic"]["image"] if adapts else batches[0][0] for batches in (source, plain)
    ]
    assert seen[0].shape == seen[1].shape and (seen[0] != seen[1]).any()
    labels = [
        batches[0]["synthetic"]["label"] if adapts else batches[0][1] for batches in (source, plain)
    ]
    np.testing.assert_array_equal(*labels)
    assert task.augmentation(True).flip == 0 and task.augmentation({"flip": 0.5}).flip == 0.5


def test_mistakes_are_named(world):
    tmp_path, read = world
    task = task_named("classification")
    with pytest.raises(RefinezooError, match="Did you mean 'Classifier'"):
        task.check({"class": "Clasifier"}, {})
    with pytest.raises(RefinezooError, match="init: not for classification"):
        task.check({"class": "Classifier", "init": "x"}, {})
    with pytest.raises(RefinezooError, match="classification in a study does not"):
        task.check({"class": "Classifier"}, {"freeze": "conv"})
    with pytest.raises(RefinezooError, match="Did you mean 'rotate'"):
        task.check({"class": "Classifier"}, {"augmentation": {"rotat": 5}})
    for name, value, words in (
        ("crop", 0, "a number greater than 0"),
        ("crop", [0.5, 1], "a number"),
        ("flip", "yes", "a number"),
        ("flip", True, "a number"),
        ("brightness", None, "a number"),
        ("saturation", -4, "a number of at least 0"),
        ("contrast", float("nan"), "a number of at "),
    ):
        with pytest.raises(RefinezooError, match=f"training.augmentation.{name}: expected {words}"):
            task.check({"class": "Classifier"}, {"augmentation": {name: value}})
    photos = {"file": "target.npz", "image_size": 16, "photos": {"test": "."}}
    with pytest.raises(RefinezooError, match="expected a folder for train"):
        training_of(tmp_path, read(real={"digits": photos}), "real")
    with pytest.raises(RefinezooError, match="synthetic.digits.file: expected an existing path"):
        training_of(tmp_path, read(synthetic={"digits": {"file": "none.npz"}}), "real")
    for adapt, words in (
        ({"class": "PixelDa"}, "Did you mean 'PixelDA'"),
        ({"class": "PixelDA", "depth": 3}, "PixelDA takes no argument .depth."),
    ):
        changed = read(refiners={"refined": {"adapt": adapt}})
        with pytest.raises(RefinezooError, match=words):
            folder = training_of(tmp_path, changed, "refined").folder
            prepare(task, json.loads((folder / "spec.json").read_text()))


def test_coco_sets_are_refused(world, toy):
    tmp_path, read = world
    toy.write_world(tmp_path)
    changed = read(synthetic={"coco": "synthetic"}, refiners={}, arms={"synthetic": ["synthetic"]})
    folder = training_of(tmp_path, changed, "synthetic").folder
    with pytest.raises(RefinezooError, match="expected the folder of a dataset"):
        run_arm.main(folder)


def test_folders_of_classes_are_read(tmp_path):
    shades = {"dark": 20, "light": 220}
    for split, names in (("train", ["light", "dark"]), ("test", ["dark", "light"])):
        for number, name in enumerate(names):
            image = np.full((20, 30, 3), shades[name], np.uint8)
            write_image(tmp_path / split / name / f"{number}.png", image)
    train, test = (
        {"name": split, "annotations": str(tmp_path / split), "images": str(tmp_path / split)}
        for split in ("train", "test")
    )
    task = task_named("classification")
    spec = {"test": test, "model": {"config": {"image_size": 16, "width_multiplier": 0.1}}}
    arguments = task.arguments(spec)
    assert arguments["class_names"] == ["dark", "light"]
    tower = SimpleNamespace(**arguments)
    data = task.read(train, tower)
    assert data["image"].shape == (2, 16, 16, 3) and data["label"].tolist() == [0, 1]
    assert [int(image.mean()) for image in data["image"]] == list(shades.values())
    write_image(tmp_path / "train/lite/0.png", image)
    with pytest.raises(RefinezooError, match="'lite'. Did you mean 'light'"):
        task.read(train, tower)
    alone = dict.fromkeys(("annotations", "images"), str(tmp_path / "test/dark"))
    with pytest.raises(RefinezooError, match="received none. Name the folder above"):
        task.arguments({**spec, "test": {**test, **alone}})
