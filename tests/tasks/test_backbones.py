"""Models that start from ImageNet features."""

import keras
import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.refiners import T2Net
from refinezoo.tasks.classification import Classifier
from refinezoo.tasks.depth import DepthUNet
from refinezoo.tasks.detection import PVANET, SSD300, DetectionBatches, YOLOv3
from refinezoo.tasks.pose import PoseTower
from refinezoo.tasks.segmentation import DeepLabV2
from refinezoo.training.start import named_layers, slow_backbone

pytestmark = pytest.mark.once  # each backend's own steps are those of the models without it

LITE0 = {"backbone": "efficientnet_lite0"}
IMAGENET = "efficientnet_lite0_imagenet"


@pytest.fixture(scope="module")
def imagenet():
    return refinezoo.load(IMAGENET)


@pytest.fixture(scope="module")
def untouched():
    """An SSD300 on random features, for the tests that only look."""
    return SSD300(["red", "blue"], image_size=96, width_multiplier=0.05, keep=5, **LITE0)


def backbone_of(model):
    return {
        name: layer.get_weights()
        for name, layer in named_layers(model.inference_network).items()
        if name.startswith("lite0_")
    }


def settings(model):
    return {key: value for key, value in model.get_config().items() if key != "name"}


def same(ours, theirs):
    return all(
        np.array_equal(a, b) for name in ours for a, b in zip(ours[name], theirs[name], strict=True)
    )


def test_ssd_starts_from_imagenet_by_name_and_by_model(imagenet):
    detector = SSD300(["red", "blue"], image_size=96, width_multiplier=0.05, **LITE0)
    wanted = backbone_of(imagenet)
    drawn = detector.get_weights()
    for source in (IMAGENET, imagenet):
        detector.set_weights(drawn)
        assert not same(backbone_of(detector), wanted)
        assert detector.start_from(source) == len(backbone_of(detector))
        assert same(backbone_of(detector), wanted)


@pytest.mark.parametrize(
    ("size", "cells"), [(96, (6, 3, 2, 1)), (224, (14, 7, 4, 2, 1)), (320, (20, 10, 5, 3, 1))]
)
def test_ssd_anchors_and_predictions_agree(size, cells, untouched):
    detector = untouched
    if size != 96:
        detector = SSD300(["red", "blue"], image_size=size, width_multiplier=0.05, **LITE0)
    assert detector.network.output.shape == (None, len(detector.anchors), 7)
    per_cell = [6] * (len(cells) - 2) + [4, 4]
    assert len(detector.anchors) == sum(n * c**2 for n, c in zip(per_cell, cells, strict=True))
    # Every centre of the finest map lies in the middle of its 16 pixels.
    first = detector.anchors[: 6 * cells[0] ** 2 : 6, :2].reshape(cells[0], cells[0], 2)
    np.testing.assert_allclose(first[0, :, 0] * size, 16 * (np.arange(cells[0]) + 0.5), rtol=1e-5)


def test_ssd_trains_all_but_the_frozen_batch_norm(squares, imagenet):
    detector = SSD300(["red", "blue"], image_size=96, width_multiplier=0.05, **LITE0)
    detector.start_from(imagenet)
    detector.compile(slow_backbone(3e-3), run_eagerly=True)  # tracing costs more than two steps
    detector.fit(DetectionBatches(squares, detector, 4, augmentation=None, steps=2), verbose=0)
    moved, before = backbone_of(detector), backbone_of(imagenet)
    for name, weights in moved.items():
        still = all(np.array_equal(a, b) for a, b in zip(weights, before[name], strict=True))
        assert still == name.endswith("_bn"), name


def test_ssd_round_trip(untouched, tmp_path, rng):
    detector = untouched
    detector.save_to_preset(tmp_path / "ssd")
    again = refinezoo.load(tmp_path / "ssd")
    assert settings(again) == settings(detector)
    images = rng.integers(0, 256, (1, 96, 96, 3)).astype("float32")
    np.testing.assert_allclose(
        np.asarray(again(images)), np.asarray(detector(images)), rtol=0.02, atol=0.05
    )


def test_ssd_of_an_earlier_version_loads(tmp_path):
    detector = SSD300(["red"], image_size=64, width_multiplier=0.05)
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


def test_what_cannot_be_started_from(imagenet, untouched):
    detector = untouched
    with pytest.raises(RefinezooError, match="layer of fitting name and shape.*efficientnet_lite0"):
        detector.start_from("pose_tower")
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
    model.compile()
    assert model.optimizer.multipliers("lite0_stem/kernel")[0] == 0.1
    model.save_to_preset(tmp_path / "tower")
    again = refinezoo.load(tmp_path / "tower")
    images = rng.integers(0, 256, (2, 96, 96, 3)).astype("float32")
    ours, theirs = (keras.tree.flatten(each(images)) for each in (model, again))
    assert [tuple(x.shape) for x in ours] == [(2, 3), (2, 4)][: len(ours)]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=0.05)


def test_towers_refuse():
    with pytest.raises(RefinezooError, match="at least 96 pixels"):
        Classifier(["a", "b"], image_size=64, tower="efficientnet_lite0")
    with pytest.raises(RefinezooError, match="no width_multiplier with efficientnet_lite0"):
        Classifier(["a", "b"], image_size=96, tower="efficientnet_lite0", width_multiplier=0.5)
    with pytest.raises(RefinezooError, match="batch_norm"):
        Classifier(["a", "b"], batch_norm=True)


SMALL_PVANET = {"head_units": 16, "candidates": 20, "proposals": 8, "anchor_scales": (2, 4)}
BUILDERS = {
    "yolov3": lambda **more: YOLOv3(
        ["red", "blue"], image_size=96, width_multiplier=0.05, **LITE0, **more
    ),
    "pvanet": lambda **more: PVANET(
        ["red", "blue"], image_size=96, width_multiplier=0.05, **SMALL_PVANET, **LITE0, **more
    ),
    "deeplab": lambda **more: DeepLabV2(
        ["road", "sky"], rates=(1, 2), scales=(1,), image_size=(64, 96), **LITE0, **more
    ),
    "depth": lambda **more: DepthUNet(width=2, **LITE0, **more),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_every_model_starts_frozen_and_goes_round(name, imagenet, tmp_path):
    model = BUILDERS[name]()
    assert model.start_from(imagenet) == len(backbone_of(model)) == 96
    assert same(backbone_of(model), backbone_of(imagenet))
    layers = named_layers(model.inference_network)
    assert not any(norms_that_train(layers, "lite0_"))
    model.save_to_preset(tmp_path / name)
    again = refinezoo.load(tmp_path / name)
    assert settings(again) == settings(model)
    stored = [weight for layer in again.inference_network.layers for weight in layer.get_weights()]
    wanted = [weight for layer in model.inference_network.layers for weight in layer.get_weights()]
    for ours, theirs in zip(stored, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)  # half precision


def norms_that_train(layers, start):
    for name, layer in layers.items():
        if name.startswith(start) and isinstance(layer, keras.layers.BatchNormalization):
            yield layer.trainable


def test_maps_and_batch_norm_of_each_model():
    made = {name: make(batch_norm=True) for name, make in BUILDERS.items()}
    for model in made.values():
        assert all(norms_that_train(named_layers(model.inference_network), ""))
    assert made["yolov3"].network.output.shape[-1] == 7
    assert made["pvanet"].network.get_layer("concat").output.shape == (None, 6, 6, 472)
    assert made["deeplab"].network.compute_output_shape((1, 64, 96, 3)) == (1, 8, 12, 2)
    wide = BUILDERS["deeplab"](output_stride=16)
    assert wide.network.compute_output_shape((1, 64, 96, 3)) == (1, 4, 6, 2)
    shapes = made["depth"].depth_network.compute_output_shape((1, 96, 128, 3))
    assert [shape[1:3] for shape in shapes] == [(96 // s, 128 // s) for s in (16, 8, 4, 2, 1)]


def test_t2net_gives_its_depth_network_the_start(imagenet):
    model = T2Net(width=2, blocks=1, image_size=(96, 96), depth_backbone="efficientnet_lite0")
    assert model.start_from(imagenet) == 96
    alone = model.depth_model()
    assert alone.get_config()["backbone"] == "efficientnet_lite0"
    assert same(backbone_of(alone), backbone_of(imagenet))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: YOLOv3(["a"], image_size=96, depth_multiplier=0.5, **LITE0),
            "no depth_multiplier with",
        ),
        (lambda: YOLOv3(["a"], image_size=100, **LITE0), "multiple of 32"),
        (lambda: YOLOv3(["a"], image_size=96, batch_norm=True), "darknet53', which always"),
        (lambda: PVANET(["a"], backbone="lite0"), "expected backbone as one of pvanet"),
        (lambda: DeepLabV2(["a", "b"], width_multiplier=0.5, **LITE0), "no width_multiplier with"),
        (lambda: DeepLabV2(["a", "b"], output_stride=16), "output_stride 8 with backbone='resn"),
        (lambda: DeepLabV2(["a", "b"], output_stride=4, **LITE0), "output_stride 8 or 16"),
        (lambda: DepthUNet(width=2, backbone="unet"), "one of t2net, efficientnet_lite0"),
    ],
)
def test_what_they_refuse(make, words):
    with pytest.raises(RefinezooError, match=words):
        make()
