"""The study of segmentation: arms over folders of images and masks."""

import cv2
import numpy as np
import pytest
import yaml

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare import run_arm
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.schema import read_study
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.experiments.compare.trainings import Trainings

pytestmark = pytest.mark.usefixtures("eager")


def write_masks(folder, sky, count=6):
    """Sky of a brightness over a dark road, of 24 x 32; the top row is void."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        image = np.full((24, 32, 3), 40, "uint8")
        mask = np.ones((24, 32), "uint8")
        image[: 8 + number], mask[: 8 + number] = sky, 0
        mask[0] = 11
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), mask)


@pytest.fixture
def world(tmp_path):
    """A study file over toy streets and its reader."""
    write_masks(tmp_path / "synthetic", 230)
    write_masks(tmp_path / "real/train", 150)
    write_masks(tmp_path / "real/test", 140, count=3)
    content = {
        "study": "toy_street",
        "measure_images": 0,
        "synthetic": {"masks": "synthetic"},
        "real": {
            "masks": {"train": "real/train", "test": "real/test"},
            "unlabelled": ["real/train/images"],
        },
        "refiners": {"reinhard": {"adapt": {"class": "Reinhard", "photos": 3}}},
        "model": {
            "name": "deeplab",
            "task": "segmentation",
            "class": "DeepLabV2",
            "config": {
                "class_names": ["sky", "road"],
                "ignore_id": 11,
                "image_size": [24, 32],
                "backbone": "vgg16_largefov",
                "width_multiplier": 0.03,
                "depth_multiplier": 0.1,
                "batch_norm": True,
                "rates": [1],
                "scales": [1],
            },
        },
        "training": {"steps": 2, "batch_size": 4, "backup_every": 2},
        "arms": {
            "synthetic": ["synthetic"],
            "reinhard": ["reinhard"],
            "real": ["real"],
            "real+reinhard": ["real", "reinhard"],
        },
        "metrics": ["mean_iou", "pixel_accuracy"],
    }

    def read(**changes):
        (tmp_path / "study.yaml").write_text(yaml.safe_dump({**content, **changes}))
        return read_study(tmp_path / "study.yaml")

    return tmp_path, read


def prepared(tmp_path, read):
    preparation = Preparation(read, tmp_path / "out", tmp_path, lambda line: None)
    return preparation.sets(), preparation.test()


def test_a_mixed_arm_leaves_metrics_and_a_preset_that_loads(world):
    tmp_path, read = world
    sets, test = prepared(tmp_path, read())
    training = Trainings(read(), tmp_path / "out", sets, test).of("real+reinhard", 0)
    result = run_arm.main(training.folder)
    assert result["metrics"].keys() == {"mean_iou", "pixel_accuracy", "mean_accuracy"}
    assert 0.0 <= result["metrics"]["mean_iou"] <= 1.0 and np.isfinite(result["loss"])
    model = refinezoo.load(training.folder / "preset")
    assert type(model).__name__ == "DeepLabV2" and model.image_size == (24, 32)
    images = np.stack([cv2.imread(str(p)) for p in sorted(test.images.iterdir())])
    masks = np.stack([cv2.imread(str(p), 0) for p in sorted(test.annotations.iterdir())])
    again = model.evaluate_masks(images[..., ::-1].copy(), masks)["pixel_accuracy"]
    assert again == pytest.approx(result["metrics"]["pixel_accuracy"], abs=0.02)


def test_a_segmenter_learns_the_pixels_that_another_is_sure_of(world):
    tmp_path, read = world
    changed = read(
        pseudo_labels={"named": {"arm": "synthetic"}},
        arms={"synthetic": ["synthetic"], "synthetic+named": ["synthetic", "named"]},
    )
    sets, test = prepared(tmp_path, changed)
    trainings = Trainings(changed, tmp_path / "out", sets, test)
    run_arm.main(trainings.of("synthetic", 0).folder)
    student = trainings.of("synthetic+named", 0).folder
    result = run_arm.main(student)
    said = result["pseudo_labels"]["named"]
    assert said["photos"] == 6 and said["kept"] >= 1 and set(said["pixels"]) == {"sky", "road"}
    masks = [
        cv2.imread(str(p), 0) for p in sorted((student / "pseudo_labels/named").glob("masks/*"))
    ]
    assert len(masks) == said["kept"] and set(np.unique(masks)) <= {0, 1, 11}
    assert sum(int((mask < 2).sum()) for mask in masks) == sum(said["pixels"].values())


def test_refined_images_keep_their_masks(world):
    tmp_path, read = world
    sets, _ = prepared(tmp_path, read())
    synthetic, refined = sets["synthetic"], sets["reinhard"]
    for path in sorted(synthetic.annotations.iterdir()):
        assert (refined.annotations / path.name).read_bytes() == path.read_bytes()
    assert refined.fingerprint != synthetic.fingerprint
    after = cv2.imread(str(refined.images / "0.png"))
    assert after.shape == (24, 32, 3) and after[0, 0].mean() < 200  # as dark as the photos' sky


def test_a_changed_mask_changes_the_set(world):
    tmp_path, read = world
    before, _ = prepared(tmp_path, read())
    mask = tmp_path / "synthetic/masks/0.png"
    cv2.imwrite(str(mask), 1 - cv2.imread(str(mask), 0) // 2)
    after, _ = prepared(tmp_path, read())
    assert before["synthetic"].fingerprint != after["synthetic"].fingerprint


def test_rendered_streets_are_a_set(world):
    tmp_path, read = world
    street = read(
        synthetic={"street": {"count": 2, "image_size": [32, 48], "seed": 3}},
        refiners={},
        arms={"synthetic": ["synthetic"]},
    )
    sets, _ = prepared(tmp_path, street)
    masks = sorted(sets["synthetic"].annotations.iterdir())
    assert len(masks) == 2 and cv2.imread(str(masks[0]), 0).shape == (32, 48)
    again, _ = prepared(tmp_path, street)
    assert again["synthetic"].fingerprint == sets["synthetic"].fingerprint


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"synthetic": {"masks": "real"}}, r"without images/ and masks/"),
        ({"real": {"masks": {"train": "real/train"}}}, "name a folder for test"),
        ({"real": {"masks": {"test": "real/test"}}}, "give real.train"),
        ({"synthetic": {"masks": "synthetic", "coco": "x"}}, "exactly one of"),
    ],
)
def test_sets_that_are_not_there_are_told(world, changes, words):
    tmp_path, read = world
    with pytest.raises(RefinezooError, match=words):
        prepared(tmp_path, read(**changes))


@pytest.mark.parametrize(
    ("model", "training", "words"),
    [
        ({"class": "DeepLabV3"}, {}, "expected DeepLabV2"),
        ({"config": {"image_size": [8, 8]}}, {}, "expected class_names"),
        ({}, {"freeze": "lite0_stem"}, "backbone_rate: 0"),
        ({}, {"augmentation": {"flipp": 1}}, "Did you mean 'flip'"),
        ({}, {"augmentation": 3}, "true, false or a mapping"),
    ],
)
def test_what_the_task_cannot_make_is_told(world, model, training, words):
    _, read = world
    found = read()
    model = {**found.model.model_dump(by_alias=True), **model}
    with pytest.raises(RefinezooError, match=words):
        task_named("segmentation").check(model, {**found.training.model_dump(), **training})
