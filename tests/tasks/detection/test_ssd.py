import json

import keras
import numpy as np
import pytest
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.networks.ssd import L2Normalise, SubtractMean
from refinezoo.tasks.detection import SSD300, DetectionBatches


def _tiny(**changes) -> SSD300:
    options = {
        "image_size": 64,
        "width_multiplier": 0.05,
        "batch_norm": True,
        "top_k": 50,
        "keep": 20,
    }
    return SSD300(["red", "blue"], **{**options, **changes})


@pytest.fixture(scope="module")
def detector() -> SSD300:
    """One untrained detector for the tests that only look: it compiles once."""
    keras.utils.set_random_seed(0)
    return _tiny(image_size=32, score_threshold=0.2)


def _count(variables) -> int:
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.once
def test_golden_shapes_and_parameters_of_the_paper_network():
    detector = SSD300([f"class {i}" for i in range(20)])
    network = detector.network
    assert _count(network.trainable_variables) == 26_285_486
    assert network.output.shape == (None, 8732, 25)
    for layer, shape in {
        "conv4_3_norm": (38, 38, 512),
        "fc6": (19, 19, 1024),
        "fc7": (19, 19, 1024),
        "conv6_2": (10, 10, 512),
        "conv7_2": (5, 5, 256),
        "conv8_2": (3, 3, 256),
        "conv9_2": (1, 1, 256),
    }.items():
        assert network.get_layer(layer).output.shape == (None, *shape)
    assert network.get_layer("fc6").dilation_rate == (6, 6)


@pytest.mark.once
@pytest.mark.parametrize("size", [32, 64, 96, 128, 200, 300])
def test_anchors_and_predictions_agree_at_any_size(size):
    detector = SSD300(["a"], image_size=size, width_multiplier=0.02)
    assert detector.network.output.shape == (None, len(detector.anchors), 6)


def test_mean_and_normalisation_layers():
    images = np.full((1, 2, 2, 3), 130, "uint8")
    images[..., 0] = 255
    around_zero = ops.convert_to_numpy(SubtractMean()(images))
    np.testing.assert_allclose(around_zero[0, 0, 0], [130 - 104, 130 - 117, 255 - 123])
    features = np.random.default_rng(0).normal(size=(1, 2, 2, 8)).astype("float32")
    normal = ops.convert_to_numpy(L2Normalise(20.0)(features))
    np.testing.assert_allclose(np.linalg.norm(normal, axis=-1), 20, rtol=1e-5)


def test_fit_learns_to_find_coloured_squares(squares):
    keras.utils.set_random_seed(0)
    detector = _tiny()
    detector.compile(keras.optimizers.Adam(5e-3))
    batches = DetectionBatches(squares, detector, 8, augmentation=None, steps=30)
    history = detector.fit(batches, epochs=2, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]
    assert detector.evaluate_coco(squares)["AP50"] > 0.5


@pytest.mark.tensorflow  # JAX compiles all steps by XLA
def test_one_step_under_xla_in_bfloat16(squares):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        keras.utils.set_random_seed(0)
        detector = _tiny(image_size=32)
        detector.compile(keras.optimizers.SGD(1e-3), jit_compile=True)
        images, targets = DetectionBatches(squares, detector, 2, augmentation=None)[0]
        before_step = ops.convert_to_numpy(detector.trainable_variables[0])
        expected = float(detector.loss(targets, detector(images, training=True)))
        loss = float(detector.train_on_batch(images, targets))
    finally:
        keras.mixed_precision.set_global_policy(before)
    assert detector.network.output.dtype == "float32"
    assert loss == pytest.approx(expected, rel=0.05)
    assert (ops.convert_to_numpy(detector.trainable_variables[0]) != before_step).any()


def test_predict_takes_any_size_and_answers_in_its_pixels(squares, detector):
    image = np.random.default_rng(0).integers(0, 255, (48, 80, 3)).astype("uint8")
    found = detector.predict([image, squares.images[0], image[:31, :17]])
    assert found["boxes"].shape == (3, 20, 4) and found["boxes"].dtype == np.float32
    assert found["scores"].shape == found["classes"].shape == (3, 20)
    assert found["classes"].dtype == np.int32
    assert found["boxes"][0, :, 2].max() <= 80 and found["boxes"][0, :, 3].max() <= 48
    assert (np.diff(found["scores"], axis=1) <= 0).all()
    for row, count in enumerate(found["count"]):
        assert (found["classes"][row, :count] >= 0).all()
        assert (found["classes"][row, count:] == -1).all()
    again = detector.predict(np.stack([image] * 4), batch_size=3)
    np.testing.assert_allclose(again["boxes"][3], found["boxes"][0], atol=1e-3)
    assert len(again["count"]) == 4
    assert detector.predict([])["boxes"].shape == (0, 20, 4)


@pytest.mark.once
def test_predict_equals_decoding_the_call(detector):
    images = np.random.default_rng(1).integers(0, 255, (3, 32, 32, 3)).astype("uint8")
    raw = detector(images, training=False)
    np.testing.assert_allclose(
        ops.convert_to_numpy(raw), ops.convert_to_numpy(detector.network(images)), atol=1e-6
    )
    boxes, scores, classes, _ = (ops.convert_to_numpy(part) for part in detector.decode(raw))
    found = detector.predict(images)
    np.testing.assert_allclose(found["scores"], scores, atol=1e-5)
    np.testing.assert_allclose(found["boxes"], np.clip(boxes * 32, 0, 32), atol=1e-2)
    np.testing.assert_array_equal(found["classes"], classes)


@pytest.mark.once
@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8), "uint8"), np.zeros((8, 8, 4), "uint8"), np.zeros((8, 8, 3), "float32")],
)
def test_grey_rgba_and_float_images_are_refused(image, detector):
    with pytest.raises(RefinezooError, match="expected uint8 RGB images.*read_image"):
        detector.predict([image])


@pytest.mark.once
def test_config_and_keras_file_round_trip(tmp_path):
    detector = _tiny(image_size=32, score_threshold=0.02, name="fridge")
    detector.compile(keras.optimizers.Adam(1e-3))
    random = np.random.default_rng(0)
    detector.optimizer.apply(
        [random.normal(size=v.shape).astype("float32") for v in detector.trainable_variables],
        detector.trainable_variables,
    )
    config = json.loads(json.dumps(detector.get_config()))
    assert SSD300.from_config(config).get_config() == config
    detector.save(tmp_path / "fridge.keras")
    again = keras.models.load_model(tmp_path / "fridge.keras")
    assert type(again) is SSD300 and again.get_config() == config
    images = random.integers(0, 255, (1, 32, 32, 3)).astype("uint8")
    np.testing.assert_allclose(
        ops.convert_to_numpy(again(images)), ops.convert_to_numpy(detector(images)), atol=1e-5
    )
    assert int(again.optimizer.iterations) == int(detector.optimizer.iterations) == 1
    for one, other in zip(detector.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


@pytest.mark.once
def test_the_detection_model_adds_no_weights(detector):
    before = len(detector.weights)
    assert len(detector.detection_model.weights) == before
    assert len(detector.weights) == before == len(detector.inference_network.weights)


@pytest.mark.once
def test_compile_defaults_to_the_paper():
    detector = _tiny(image_size=32)
    detector.compile()
    assert float(detector.optimizer.learning_rate) == pytest.approx(1e-3)
    assert detector.optimizer.momentum == 0.9


@pytest.mark.once
def test_bad_class_names_are_refused():
    for names in ([], ["a", "a"], "red"):
        with pytest.raises(RefinezooError, match="class_names"):
            SSD300(names, image_size=64, width_multiplier=0.05)


@pytest.mark.once
def test_detections_come_in_the_datasets_category_ids(squares, detector):
    results = detector.detect(squares, batch_size=3)
    assert results and {row["category_id"] for row in results} <= {3, 7}
    assert {row["image_id"] for row in results} <= {record.id for record in squares.records}
    squares.records += squares.records
    with pytest.raises(RefinezooError, match="image ids twice"):
        detector.evaluate_coco(squares)
    squares.class_names = ["green", "yellow"]
    with pytest.raises(RefinezooError, match="some of this detector's classes"):
        detector.detect(squares)
