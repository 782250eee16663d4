"""A downstream model in the loss: its own loss, its labels in the batches, who moves."""

import keras
import numpy as np
import pytest

from refinezoo.data import CocoDataset, ImageRecord, unpaired, write_image
from refinezoo.errors import RefinezooError
from refinezoo.losses.segmentation import multi_scale_loss
from refinezoo.models.kind import Kind
from refinezoo.refiners import CycleGAN
from refinezoo.refiners.task import Task
from refinezoo.tasks.classification import Classifier
from refinezoo.tasks.detection import SSD300
from refinezoo.tasks.segmentation import DeepLabV2

TINY = {"image_size": 32, "width": 4, "blocks": 1, "pool_size": 0, "lambda_identity": 0.0}


def tiny_classifier():
    return Classifier(["a", "b", "c"], image_size=28, width_multiplier=0.1)


def one_box(folder, box=(30, 20, 24, 16)):
    """An image of 120 x 80 px that is black but for a white box, as a COCO set."""
    image = np.zeros((80, 120, 3), "uint8")
    x, y, w, h = box
    image[y : y + h, x : x + w] = 255
    path = write_image(folder / "images" / "0.png", image)
    boxes, zeros = np.array([box], "float32"), np.zeros(1, bool)
    record = ImageRecord(
        0, path, 120, 80, boxes, np.array([1]), zeros, zeros, np.ones(1, "float32")
    )
    return CocoDataset([record], ["a", "b"], [1, 2], folder / "annotations.json")


@pytest.mark.once
@pytest.mark.parametrize("crop", ["random", "centre", "resize"])
def test_boxes_follow_windows_and_mirrors(tmp_path, crop):
    dataset = one_box(tmp_path)
    seen = []

    def encode(boxes, labels, crowd):
        seen.append((labels.tolist(), crowd.tolist()))
        return boxes

    data = unpaired(dataset, dataset, image_size=64, crop=crop, steps=6, seed=1, encode=encode)
    for index in range(6):
        half = data[index]["synthetic"]
        left, top, right, bottom = half["targets"][0, 0] * 64
        rows, columns = np.nonzero(half["image"][0, ..., 0] > 127)
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose([left, top, right, bottom], found, atol=1.2)
        assert "targets" not in data[index]["real"]
    assert seen[0] == ([1], [False])


@pytest.mark.once
def test_class_ids_follow_windows_and_mirrors(tmp_path):
    dataset = one_box(tmp_path)
    mask = (dataset.read(0)[..., 0] > 127).astype("uint8") * 7
    write_image(tmp_path / "masks" / "0.png", mask)
    data = unpaired(tmp_path / "images", tmp_path / "images", 64, steps=4, class_ids=True)
    for index in range(4):
        half = data[index]["synthetic"]
        assert half["class_ids"].dtype == np.uint8 and half["class_ids"].shape == (1, 64, 64, 1)
        agree = (half["class_ids"] == 7) == (half["image"][..., :1] > 127)
        assert agree.mean() > 0.98 and set(np.unique(half["class_ids"])) == {0, 7}
        assert "class_ids" not in data[index]["real"]


@pytest.mark.once
def test_missing_labels_are_worded(tmp_path):
    dataset = one_box(tmp_path)
    with pytest.raises(RefinezooError, match="masks/ for every synthetic image"):
        unpaired(dataset, dataset, 64, class_ids=True)
    with pytest.raises(RefinezooError, match="a COCO set"):
        unpaired([dataset.read(0)], [dataset.read(0)], 64, encode=lambda *_: 0)


@pytest.mark.once
def test_a_detector_sees_refined_renders_at_its_size(rng):
    keras.utils.set_random_seed(0)
    model = SSD300(["a", "b"], image_size=64, width_multiplier=0.1)
    task = Task(model)
    assert task.key == "targets"
    images = rng.uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    boxes = np.array([[0.2, 0.2, 0.6, 0.7]], "float32")
    targets = np.stack([model.encode(boxes, np.array([k]), np.zeros(1, bool)) for k in (0, 1)])
    expected = model.evaluate((images + 1) * 127.5, targets, verbose=0)
    assert float(task.loss(images, targets)) == pytest.approx(expected, rel=1e-3)
    assert np.isfinite(float(task.loss(images[:, :32, :32], targets)))


@pytest.mark.once
def test_a_segmenter_with_ignored_pixels(rng):
    model = DeepLabV2(
        ["a", "b"], backbone="vgg16_largefov", width_multiplier=0.05, scales=(1,), rates=(2,)
    )
    task = Task(model)
    assert task.key == "class_ids"
    images = rng.uniform(-1, 1, (1, 64, 64, 3)).astype("float32")
    ids = rng.integers(0, 2, (1, 64, 64, 1), "uint8")
    logits = model((images + 1.0) * 127.5)
    expected = float(multi_scale_loss(logits, ids[..., 0], 255))
    assert float(task.loss(images, ids)) == pytest.approx(expected, rel=1e-4) and expected > 0.0
    assert float(task.loss(images, np.full_like(ids, 255))) == 0.0


@pytest.mark.once
def test_a_kind_of_ones_own_brings_its_loss(rng):
    class ShareKind(Kind):
        name = training_labels = "share"

    class Share(keras.Model):
        kind = ShareKind()

        def call(self, images, training=False):
            return keras.ops.mean(images, axis=(1, 2, 3))

        def compile(self, optimizer="sgd", **kwargs):
            super().compile(optimizer, loss="mse", **kwargs)

    images = rng.uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
    shares = (images.mean(axis=(1, 2, 3)) + 1.0) * 127.5 + 3.0
    assert float(Task(Share()).loss(images, shares)) == pytest.approx(9.0, rel=1e-3)


@pytest.mark.parametrize("train", [pytest.param(False, marks=pytest.mark.once), True])
def test_the_task_teaches_the_generator(train, rng):
    """Nothing else does here; the model itself moves only if it is trained along."""
    keras.utils.set_random_seed(0)
    settings = {"lambda_cycle": 0.0, "task_loss": tiny_classifier(), "train_task": train}
    model = CycleGAN(**TINY, **settings)
    for weight in ("adversarial_s2r", "adversarial_r2s"):
        model.loss_weights[weight] = 0.0
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=keras.backend.backend() == "tensorflow")
    images = rng.integers(0, 256, (2, 2, 32, 32, 3), "uint8")
    labels = np.array([0, 2], "int32")
    data = {"synthetic": {"image": images[0], "label": labels}, "real": {"image": images[1]}}
    networks = (model.generator_s2r, model.task_network)
    before = [[np.asarray(v) for v in network.variables] for network in networks]
    logs = model.train_on_batch(data, return_dict=True)
    assert logs["task"] == pytest.approx(np.log(3), abs=0.7)
    after = [[np.asarray(v) for v in network.variables] for network in networks]
    moved = [
        any(not np.array_equal(a, b) for a, b in zip(*pair, strict=True))
        for pair in zip(before, after, strict=True)
    ]
    assert moved == [True, train]
    del data["synthetic"]["label"]
    with pytest.raises(RefinezooError, match="'label' in the synthetic half"):
        model.train_on_batch(data)


@pytest.mark.once
def test_tasks_are_named_and_stay_out_of_configs(tmp_path):
    config = CycleGAN(**TINY, task_loss=tiny_classifier(), lambda_task=0.5).get_config()
    assert "task_loss" not in config and config["lambda_task"] == 0.5
    tiny_classifier().save_to_preset(tmp_path / "task")
    model = CycleGAN(**TINY, task_loss=str(tmp_path / "task"))
    assert model.task is None  # until it is trained
    assert Task(str(tmp_path / "task")).key == "label"
    with pytest.raises(RefinezooError, match="received CycleGAN"):
        Task(model)
