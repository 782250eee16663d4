"""Servables of depth models, classifiers and pose models, in the C++ session loader."""

import json

import cv2
import keras
import numpy as np
import pytest

import refinezoo
from refinezoo import export

pytestmark = pytest.mark.tensorflow


def png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


@pytest.fixture(scope="module")
def scenes():
    """Smooth images of odd sizes, uint8 RGB."""
    ramps = [np.linspace(20, 230, width) for width in (101, 83)]
    return [
        np.broadcast_to(ramp[None, :, None] * [1.0, 0.8, 0.6], (height, len(ramp), 3)).astype("u1")
        for height, ramp in zip((97, 120), ramps, strict=True)
    ]


@pytest.fixture
def toys(monkeypatch, toy_depth_unet):
    """T2Net and DepthUNet of few layers: what is tested is what stands around their networks.

    The networks themselves are exported in tests/export/formats/test_edge_formats.py.
    """
    from refinezoo.refiners import t2net, t2net_depth
    from refinezoo.tasks.depth import depth_unet

    def translator(**settings):
        images = keras.Input((None, None, 3))
        refined = keras.layers.Conv2D(3, 3, padding="same", activation="tanh")(images)
        return keras.Model(images, refined, name="translator")

    monkeypatch.setattr(t2net, "t2net_translator", translator)
    for module in (t2net_depth, depth_unet):
        monkeypatch.setattr(module, "depth_unet", toy_depth_unet)


def test_depth_in_metres_and_millimetres(scenes, toys, tmp_path):
    from refinezoo.tasks.depth.depth_unet import DepthUNet

    keras.utils.set_random_seed(0)
    model = DepthUNet(max_depth=131.07)  # untrained: around 65.535 m, the PNG's last
    folder = export.saved_model(model, tmp_path / "depth/1", warmup_images=())
    wanted = [model.predict_depth(scene) for scene in scenes]
    assert wanted[0].min() < 65.5 and wanted[0].max() > 65.54
    with export.SavedModelSession(folder, threads=1) as session:
        replies = session.run(image_bytes=[png(scene) for scene in scenes])["depth_mm_bytes"]
        metres = session.run("tensor", images=scenes[0][None])["depth_m"]
        info = json.loads(session.run("model_info", request=[b""])["model_info"].item())
    assert info["kind"] == "depth"
    assert metres.dtype == np.float32
    np.testing.assert_allclose(metres[0], wanted[0], atol=1e-3)
    for depth, reply in zip(wanted, replies, strict=True):
        millimetres = cv2.imdecode(np.frombuffer(reply, np.uint8), cv2.IMREAD_UNCHANGED)
        assert millimetres.dtype == np.uint16 and millimetres.shape == depth.shape[:2]
        given = np.minimum(depth[..., 0], 65.535)
        np.testing.assert_allclose(millimetres / 1000, given, atol=1.5e-3)


def test_t2net_refines_and_predicts_depth(scenes, toys, tmp_path):
    from refinezoo.refiners import T2Net

    keras.utils.set_random_seed(0)
    model = T2Net(image_size=(96, 96))
    folder = export.saved_model(model, tmp_path / "t2net/1", warmup_images=())
    with export.SavedModelSession(folder, threads=1) as session:
        refined = session.run("tensor", images=scenes[1][None])["images"]
        metres = session.run("depth_tensor", images=scenes[1][None])["depth_m"]
        encoded = session.run("depth", image_bytes=[png(scenes[1])])["depth_mm_bytes"]
    assert np.abs(model.refine(scenes[1]).astype(int) - refined[0]).max() <= 1
    np.testing.assert_allclose(metres[0], model.predict_depth(scenes[1]), atol=1e-4)
    assert encoded[0].startswith(b"\x89PNG")


def test_obstacle_ranges(scenes, tmp_path):
    from refinezoo.tasks.obstacle_range.obstacle_range import ObstacleRange

    model = ObstacleRange(image_size=(32, 64), sectors=4, width_multiplier=0.25)
    folder = export.saved_model(model, tmp_path / "ranges/1", warmup_images=())
    batch = np.stack([scene[:32, :64] for scene in scenes])
    with export.SavedModelSession(folder, threads=1) as session:
        found = session.run("tensor", images=batch)["ranges_m"]
        mixed = session.run(image_bytes=[png(batch[0]), png(scenes[1])])["ranges_m"]
        info = json.loads(session.run("model_info", request=[b""])["model_info"].item())
    assert info["kind"] == "range" and mixed.shape == (2, 4)
    np.testing.assert_allclose(found, model.predict_ranges(batch), rtol=1e-5)
    np.testing.assert_allclose(mixed[0], found[0], rtol=1e-6)


@pytest.mark.parametrize("pose", [False, True])
def test_classes_and_poses(pose, scenes, tmp_path):
    from refinezoo.tasks.classification.classifier import Classifier
    from refinezoo.tasks.pose.pose_tower import PoseTower

    kind = PoseTower if pose else Classifier
    keras.utils.set_random_seed(0)
    model = kind(["milk", "juice", "tea"], image_size=32, tower="mnist", width_multiplier=0.1)
    for kernel in model.network.trainable_variables:
        kernel.assign(8 * kernel)  # untrained towers answer a third to everything
    folder = export.saved_model(model, tmp_path / "labels/1", warmup_images=())
    batch = np.stack([scene[:32, :32] for scene in scenes])
    with export.SavedModelSession(folder, threads=1) as session:
        found = session.run("tensor", images=batch)
        mixed = session.run(image_bytes=[png(batch[0]), png(scenes[1])])
        info = json.loads(session.run("model_info", request=[b""])["model_info"].item())
    assert info["kind"] == ("pose" if pose else "classifier")
    assert info["class_names"] == ["milk", "juice", "tea"]
    np.testing.assert_allclose(found["probability"], model.predict_probability(batch), atol=1e-5)
    assert np.ptp(found["probability"], axis=-1).max() > 0.01
    np.testing.assert_array_equal(found["label"], model.predict_labels(batch))
    np.testing.assert_allclose(mixed["probability"][0], found["probability"][0], atol=1e-6)
    assert ("quaternion" in found) == pose and mixed["label"].shape == (2,)
    if pose:
        wanted = model.predict_pose(batch)["quaternion"]
        np.testing.assert_allclose(found["quaternion"], wanted, atol=1e-5)


@pytest.mark.zoo
def test_two_stages_in_one_graph(scenes, strong_weights, tmp_path):
    from refinezoo.tasks.detection import PVANET

    settings = {
        "image_size": 64,
        "width_multiplier": 0.0625,
        "head_units": 16,
        "proposals": 12,
        "keep": 10,
    }
    model = PVANET(["milk", "juice"], anchor_scales=[1, 2, 3], box_voting=True, **settings)
    strong_weights(model)
    folder = export.saved_model(model, tmp_path / "pvanet/1", warmup_images=())
    wanted = model.predict(scenes)
    assert (wanted["count"] > 0).all()
    with export.SavedModelSession(folder, threads=1) as session:
        mixed = session.run(image_bytes=[png(scene) for scene in scenes])
        alone = session.run("tensor", images=scenes[1][None])
        info = json.loads(session.run("model_info", request=[b""])["model_info"].item())
    assert info["kind"] == "detector" and info["class_names"] == ["milk", "juice"]
    for found, rows in ((mixed, slice(None)), (alone, slice(1, 2))):
        np.testing.assert_array_equal(found["classes"], wanted["classes"][rows])
        np.testing.assert_allclose(found["scores"], wanted["scores"][rows], atol=5e-3)
        np.testing.assert_allclose(found["boxes"], wanted["boxes"][rows], atol=0.5)


def test_yolo_letterboxes_inside_and_answers_in_pixels_of_the_request(scenes, tmp_path):
    from refinezoo.tasks.detection import YOLOv3

    model = YOLOv3(
        ["milk", "juice"], image_size=64, width_multiplier=0.05, depth_multiplier=0.1, keep=10
    )
    random = np.random.default_rng(1)
    for weight in model.network.trainable_weights:
        weight.assign(random.normal(0, 0.2, weight.shape).astype("float32"))
    folder = export.saved_model(model, tmp_path / "yolo/1", warmup_images=())
    images = [*scenes, random.integers(0, 255, (30, 47, 3)).astype("u1"), scenes[0][:64, :64]]
    wanted = model.predict(images)
    assert (wanted["count"] > 0).all() and (wanted["boxes"][0] < [[101, 97] * 2]).any()
    with export.SavedModelSession(folder, threads=1) as session:
        mixed = session.run(image_bytes=[png(image) for image in images])
        same = session.run("tensor", images=np.stack([scenes[1]] * 2))
    np.testing.assert_array_equal(mixed["classes"], wanted["classes"])
    np.testing.assert_array_equal(mixed["count"], wanted["count"])
    np.testing.assert_allclose(mixed["scores"], wanted["scores"], atol=5e-3)
    np.testing.assert_allclose(mixed["boxes"], wanted["boxes"], atol=0.3)
    np.testing.assert_allclose(same["boxes"][1], mixed["boxes"][1], atol=1e-3)


@pytest.mark.parametrize("size", [(97, 101), (120, 83), (30, 47), (64, 64), (640, 3), (1, 1)])
def test_letterbox_in_the_graph_equals_opencv(size):
    import tensorflow as tf

    from refinezoo.data.letterbox import letterbox
    from refinezoo.data.letterbox import out_of_letterbox as out_in_numpy
    from refinezoo.models.graph_sizes import letterbox_to_square, out_of_letterbox

    random = np.random.default_rng(0)
    image = cv2.resize(random.integers(0, 255, (9, 9, 3)).astype("u1"), size[::-1])
    given = letterbox_to_square(tf.constant(image[None]), 64).numpy()[0].astype(int)
    wanted = letterbox(image, 64)
    assert np.abs(given - wanted).max() <= 1 and (given != wanted).mean() < 0.1
    boxes = random.random((1, 5, 4)).astype("f4")
    inside = out_of_letterbox(boxes, tf.constant([size]), 64).numpy()[0]
    limit = [size[1], size[0]] * 2
    np.testing.assert_allclose(
        inside.clip(0, limit), out_in_numpy(boxes[0], *size, 64), rtol=1e-4, atol=1e-3
    )


def test_detectors_that_place_images_otherwise_are_refused():
    from refinezoo import RefinezooError
    from refinezoo.tasks.detection import SSD300
    from refinezoo.tasks.detection.signatures import detector_signatures

    class Letterboxing(SSD300):
        def prepare(self, image):
            return super().prepare(image)

    model = object.__new__(Letterboxing)
    with pytest.raises(RefinezooError, match="Letterboxing with a prepare of its own"):
        detector_signatures(model, 1000)


@pytest.fixture(scope="module")
def segmenter():
    """Untrained, but with weights that make it name every class somewhere."""
    from refinezoo.tasks.segmentation import DeepLabV2

    model = DeepLabV2(
        ["sky", "road", "car"],
        backbone="vgg16_aspp",
        width_multiplier=0.0625,
        depth_multiplier=0.1,
        rates=(1, 2),
    )
    random = np.random.default_rng(1)
    for weight in model.network.trainable_weights:
        weight.assign(random.normal(0, 0.15, weight.shape))
    return model


def test_class_ids_as_arrays_and_as_png(segmenter, scenes, tmp_path):
    folder = export.saved_model(segmenter, tmp_path / "deeplab/1", warmup_images=())
    random = np.random.default_rng(0)
    busy = [
        np.clip(scene + random.normal(0, 60, scene.shape), 0, 255).astype("u1") for scene in scenes
    ]
    wanted = [segmenter.segment(scene) for scene in busy]
    assert all(len(np.unique(ids)) > 1 for ids in wanted)
    with export.SavedModelSession(folder, threads=1) as session:
        replies = session.run(image_bytes=[png(scene) for scene in busy])["mask_bytes"]
        ids = session.run("tensor", images=busy[0][None])["class_ids"]
        info = json.loads(session.run("model_info", request=[b""])["model_info"].item())
    assert info["kind"] == "segmenter" and info["class_names"] == ["sky", "road", "car"]
    assert ids.dtype == np.uint8 and ids.shape == (1, *busy[0].shape[:2])
    assert (ids[0] != wanted[0]).mean() < 0.005  # ties of float32
    for expected, reply in zip(wanted, replies, strict=True):
        mask = cv2.imdecode(np.frombuffer(reply, np.uint8), cv2.IMREAD_UNCHANGED)
        assert mask.dtype == np.uint8 and mask.shape == expected.shape  # grey: ids, no colours
        assert (mask != expected).mean() < 0.005
    exported = refinezoo.load(folder)
    np.testing.assert_array_equal(exported.segment(busy[0]), ids[0])


def test_segmenters_are_gated_by_mean_iou(segmenter, tmp_path, monkeypatch):
    from refinezoo.export.checks import quality
    from refinezoo.tasks.segmentation.kind import Segments

    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    image = np.random.default_rng(0).integers(0, 256, (40, 48, 3), "uint8")
    cv2.imwrite(str(tmp_path / "images/a.png"), image[..., ::-1])
    cv2.imwrite(str(tmp_path / "masks/a.png"), segmenter.segment(image))

    class Same(Segments):
        sizes = [(40, 48)]
        class_names, ignore_id = segmenter.class_names, segmenter.ignore_id

        def segment(self, images, batch_size=8):
            return segmenter.segment(images)

        def predict(self, images):
            return self.segment(images)

    class Blank(Same):
        def segment(self, images, batch_size=8):
            return np.zeros(images.shape[:-1], "uint8")

    def measured(exported, evaluation):
        monkeypatch.setattr(quality, "open_exported", lambda path: exported)
        return quality.QualityGate(segmenter, [image], evaluation).measure("file")

    same, blank = measured(Same(), tmp_path), measured(Blank(), tmp_path)
    assert same.metric == "mean IoU lost" and same.value == 0.0 and same.passed
    assert blank.value > 0.5 and not blank.passed
    same, blank = measured(Same(), None), measured(Blank(), None)
    assert same.metric == "share of pixels changed" and same.value == 0.0 and same.passed
    assert blank.value > 0.1 and not blank.passed


def test_a_file_of_a_segmenter_says_which_id_is_void(small_model):
    from types import SimpleNamespace

    from refinezoo.export.formats.info import model_info
    from refinezoo.export.runtimes.exported import Exported

    info = model_info(small_model("DeepLabV2", ignore_id=7), "street", 1)
    runtime = SimpleNamespace(info={**info, "sizes": [[32, 48]]})
    assert Exported(runtime, "street.tflite").ignore_id == 7
