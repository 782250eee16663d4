import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.networks.darknet53 import STAGES, darknet53
from refinezoo.tasks.detection import DetectionBatches, YOLOv3
from refinezoo.tasks.detection.anchors import find_anchors, shape_iou
from refinezoo.tasks.detection.boxes import pairwise_iou, xyxy_to_cxcywh
from refinezoo.tasks.detection.yolov3 import PAPER_ANCHORS

NO_CROWD = np.zeros(1, bool)


def _tiny(**changes) -> YOLOv3:
    options = {
        "image_size": 64,
        "width_multiplier": 0.05,
        "depth_multiplier": 0.1,
        "top_k": 50,
        "keep": 20,
    }
    return YOLOv3(["red", "blue"], **{**options, **changes})


@pytest.fixture(scope="module")
def detector() -> YOLOv3:
    """One untrained detector for the tests that only look: it compiles once."""
    keras.utils.set_random_seed(0)
    return _tiny(score_threshold=0.001)


def _count(variables) -> int:
    return sum(int(np.prod(v.shape)) for v in variables)


def _convolutions(model) -> int:
    return sum(isinstance(layer, keras.layers.Conv2D) for layer in model.layers)


@pytest.mark.tensorflow  # counts are the same on any backend, and this takes long to build
def test_golden_shapes_and_parameters_of_the_paper_network(monkeypatch):
    def zeros(self, shape, dtype=None):  # 62 million numbers need not be drawn to be counted
        return np.zeros(shape, dtype)

    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", zeros)
    network = YOLOv3([f"class {i}" for i in range(80)]).network
    # By hand: kernels of 72 convolutions, 4 numbers per channel of their normalisation, of which 2
    # are trained, and 3 linear ones with a bias. 62,001,757 floats is also what darknet's
    # yolov3.weights holds behind its header of 20 bytes (248,007,048 bytes in all), and what
    # keras-yolo3 prints.
    channels, weights, width = [32], 3 * 9 * 32, 32
    for filters, blocks in STAGES:
        weights += 9 * width * filters + blocks * (filters * filters // 2 * (1 + 9))
        channels += [filters] + [filters // 2, filters] * blocks
        width = filters
    laterals = {512: 1024, 256: 512 + 256, 128: 256 + 128}
    for filters, entering in laterals.items():
        weights += entering * filters + 2 * 2 * filters * filters
        weights += 3 * 9 * filters * 2 * filters + 2 * filters * 255 + 255
        channels += [filters, 2 * filters] * 3
    weights += 512 * 256 + 256 * 128
    channels += [256, 128]
    assert weights + 2 * sum(channels) == _count(network.trainable_variables) == 61_949_149
    assert weights + 4 * sum(channels) == network.count_params() == 62_001_757
    assert _convolutions(network) == 75
    assert sum("bn" in layer.name for layer in network.layers) == len(channels) == 72
    given = keras.KerasTensor((None, 416, 416, 3))
    assert network.compute_output_spec(given).shape == (None, 10_647, 85)


@pytest.mark.once
def test_the_trunk_has_52_convolutions_and_three_maps():
    trunk = darknet53(width_multiplier=0.02)
    assert _convolutions(trunk) == 52
    found = trunk.compute_output_spec(keras.KerasTensor((1, 416, 416, 3)))
    assert [tuple(part.shape) for part in found] == [
        (1, 52, 52, 8),
        (1, 26, 26, 8),
        (1, 13, 13, 24),
    ]
    names = [layer.name for layer in darknet53(width_multiplier=0.02, depth_multiplier=0.25).layers]
    assert sum(name.endswith("squeeze") for name in names) == 1 + 1 + 2 + 2 + 1


def test_a_strided_convolution_sees_zeros_above_and_on_the_left():
    pad = darknet53(width_multiplier=0.02, depth_multiplier=0.1).get_layer("stage1_down_pad")
    padded = ops.convert_to_numpy(pad(np.ones((1, 2, 2, 1), "float32")))[0, ..., 0]
    np.testing.assert_array_equal(padded, [[0, 0, 0], [0, 1, 1], [0, 1, 1]])


@pytest.mark.once
@pytest.mark.parametrize(("size", "boxes"), [(416, 10_647), (320, 6_300), (608, 22_743), (32, 63)])
def test_number_of_boxes(size, boxes, detector):
    assert detector.prediction_count(size) == boxes
    assert detector.network.compute_output_spec(keras.KerasTensor((1, size, size, 3))).shape == (
        1,
        boxes,
        7,
    )
    empty = detector.encode(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, bool), image_size=size)
    assert empty.shape == (boxes + 50, 5) and not empty.any()


@pytest.mark.once
def test_anchors_are_the_papers_scaled_or_ones_own():
    assert _tiny(image_size=416).anchors == [list(map(float, pair)) for pair in PAPER_ANCHORS]
    np.testing.assert_allclose(
        _tiny(image_size=64).anchors, np.array(PAPER_ANCHORS) * 64 / 416, atol=1e-4
    )
    own = _tiny(anchors=[(50, 40), (5, 6), (20, 20)])
    assert own.anchors == [[5, 6], [20, 20], [50, 40]] and own.prediction_count(64) == 84
    assert own.network.compute_output_spec(keras.KerasTensor((1, 64, 64, 3))).shape == (1, 84, 7)


@pytest.mark.once
@pytest.mark.parametrize(
    "anchors", [[(1, 2)], [(1, 2, 3)] * 3, [(0, 1)] * 3, [], "abc", [[1], [1, 2]]]
)
def test_other_anchors_are_refused(anchors):
    with pytest.raises(RefinezooError, match="expected anchors as pairs.*find_anchors"):
        _tiny(anchors=anchors)


@pytest.mark.once
@pytest.mark.parametrize(("size", "words"), [(100, "96 or 128"), (31, "32 or 64")])
def test_other_sizes_are_refused(size, words):
    with pytest.raises(RefinezooError, match=f"multiple of 32 .*received {size}. Use {words}"):
        _tiny(image_size=size)


def _perfect(detector, targets, size) -> np.ndarray:
    """Raw predictions that say what the targets say."""
    count = detector.prediction_count(size)
    target = targets[:count]
    raw = np.zeros((1, count, 5 + len(detector.class_names)), "float32")
    place = np.clip(target[:, 1:3], 1e-6, 1 - 1e-6)
    raw[0, :, :2] = np.log(place / (1 - place))
    raw[0, :, 2:4] = target[:, 3:]
    raw[0, :, 4:] = -20
    for row in np.flatnonzero(target[:, 0]):
        raw[0, row, [4, 4 + int(target[row, 0])]] = 20
    return raw


def test_decoding_undoes_encoding(detector):
    random = np.random.default_rng(0)
    low = random.uniform(0, 0.7, (40, 2))
    boxes = np.concatenate([low, np.minimum(low + random.uniform(0.03, 0.6, (40, 2)), 1)], axis=1)
    labels = random.integers(0, 2, 40)
    targets = [detector.encode(boxes[k : k + 1], labels[k : k + 1], NO_CROWD) for k in range(40)]
    raw = np.concatenate([_perfect(detector, target, 64) for target in targets])
    found = [ops.convert_to_numpy(part) for part in compiled(detector.decode)(raw)]
    np.testing.assert_allclose(found[0][:, 0], boxes, atol=1e-5)
    np.testing.assert_array_equal(found[2][:, 0], labels)
    np.testing.assert_array_equal(found[3], 1)


@pytest.mark.once
def test_each_object_has_one_prediction_of_the_most_similar_shape(detector):
    anchors = np.array(detector.anchors)
    for k, (w, h) in enumerate(anchors / 64):
        box = np.array([[0.6 - w / 2, 0.3 - h / 2, 0.6 + w / 2, 0.3 + h / 2]])
        targets = detector.encode(box, np.array([1]), NO_CROWD)
        (row,) = np.flatnonzero(targets[:252, 0])
        assert targets[row, 0] == 2
        np.testing.assert_allclose(targets[row, 3:], 0, atol=1e-5)
        level = 2 - k // 3
        cells, first = (2, 4, 8)[level], (0, 12, 60)[level]
        x, y = int(0.6 * cells), int(0.3 * cells)
        assert row == first + (y * cells + x) * 3 + k % 3
        np.testing.assert_allclose(targets[252], [1, *box[0]], atol=1e-6)


@pytest.mark.once
def test_of_two_that_want_one_prediction_the_smaller_one_gets_it(detector):
    boxes = np.array([[0.42, 0.42, 0.7, 0.64], [0.41, 0.41, 0.71, 0.65]])
    for order in ([0, 1], [1, 0]):
        targets = detector.encode(boxes[order], np.array(order), np.zeros(2, bool))
        assert targets[:252, 0].max() == targets[:252, 0].sum() == 1
        assert (targets[252:254, 0] == 1).all() and not targets[254:].any()


@pytest.mark.once
def test_crowds_have_no_prediction_and_are_told_to_the_loss(detector):
    boxes = np.array([[0.1, 0.1, 0.4, 0.4], [0.0, 0.0, 1.0, 1.0]])
    targets = detector.encode(boxes, np.array([0, 1]), np.array([False, True]))
    assert (targets[:252, 0] > 0).sum() == 1
    np.testing.assert_allclose(targets[252:254], [[2, 0, 0, 1, 1], [1, 0.1, 0.1, 0.4, 0.4]])


@pytest.mark.once
def test_more_objects_than_max_boxes_keep_their_predictions():
    detector = _tiny(max_boxes=2)
    boxes = np.array([[x, 0.1, x + 0.1 + x / 10, 0.2] for x in (0.0, 0.3, 0.6)])
    targets = detector.encode(boxes, np.zeros(3, int), np.zeros(3, bool))
    assert (targets[:252, 0] > 0).sum() == 3
    np.testing.assert_allclose(targets[252:, 1], [0.6, 0.3], atol=1e-6)


@pytest.mark.once
def test_find_anchors_finds_the_shapes_of_a_dataset(squares):
    random = np.random.default_rng(0)
    shapes = [(8, 20), (30, 30), (50, 14)]
    for k, record in enumerate(squares.records):
        size = np.array(shapes[k % 3]) + random.uniform(-1, 1, 2)
        record.boxes_xywh = np.array([[1, 1, *size], [0, 0, 64, 64]], "float32")
        record.labels, record.crowd = np.zeros(2, int), np.array([False, True])
    found = find_anchors(squares, image_size=128, count=3)
    np.testing.assert_allclose(found, np.array([(8, 20), (50, 14), (30, 30)]) * 2, atol=2)
    assert _tiny(image_size=128, anchors=found).anchors == found
    for record in squares.records:
        record.boxes_xywh[0, 2:] = 20
    with pytest.raises(RefinezooError, match="at least 3 different sizes.*received 1"):
        find_anchors(squares, image_size=128, count=3)
    assert shape_iou(np.array([[2.0, 4.0]]), np.array([[4.0, 2.0]])) == pytest.approx(4 / 12)


@pytest.mark.once
def test_overfits_one_image_in_several_sizes(squares):
    keras.utils.set_random_seed(1)
    squares.records = squares.records[:1]
    detector = _tiny()
    detector.compile(keras.optimizers.Adam(1e-2))
    # JAX traces each shape anew, which only costs minutes here; TensorFlow has one graph for all.
    sizes = [64, 96] if keras.backend.backend() == "tensorflow" else None
    # More of one image in a batch would be the same step.
    batches = DetectionBatches(squares, detector, 1, augmentation=None, steps=40, sizes=sizes)
    history = detector.fit(batches, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]
    # The best box is the object's; how many worse ones are left depends on the last bit.
    found = detector.predict(squares.images[0])
    x, y, w, h = squares.records[0].boxes_xywh[0]
    assert found["count"][0] >= 1
    assert found["classes"][0, 0] == squares.records[0].labels[0]
    truth = np.array([[x, y, x + w, y + h]])
    assert pairwise_iou(found["boxes"][0, :1], truth)[0, 0] > 0.3


@pytest.mark.once
def test_keras_file_round_trip_with_optimizer_and_loss(tmp_path):
    detector = _tiny(image_size=32, ignore_threshold=0.4, anchors=[(5, 6), (9, 9), (20, 22)])
    detector.compile()
    assert float(detector.optimizer.learning_rate) == pytest.approx(1e-3)
    assert detector.loss.ignore_threshold == 0.4
    detector.optimizer.build(detector.trainable_variables)
    detector.save(tmp_path / "d.keras")
    again = keras.models.load_model(tmp_path / "d.keras")
    assert again.get_config() == detector.get_config()
    assert again.loss.get_config() == detector.loss.get_config()


@pytest.mark.once
def test_starts_from_a_detector_of_other_classes(detector):
    other = YOLOv3(["a", "b"], image_size=96, width_multiplier=0.05, depth_multiplier=0.1)
    trained = [layer for layer in other.network.layers if layer.weights]
    assert other.start_from(detector) == len(trained) - 3
    first, theirs = (d.network.get_layer("stem").get_weights()[0] for d in (other, detector))
    np.testing.assert_array_equal(first, theirs)


def test_predict_answers_in_the_images_pixels(detector):
    image = np.random.default_rng(0).integers(0, 255, (48, 80, 3)).astype("uint8")
    found = detector.predict([image, image[:31, :17]])
    assert found["boxes"].shape == (2, 20, 4) and found["count"].min() > 0
    assert found["boxes"][0, :, 2].max() <= 80 and found["boxes"][0, :, 3].max() <= 48
    centre = xyxy_to_cxcywh(found["boxes"][0, : found["count"][0]])
    assert (centre[:, 2:] >= 0).all()


def test_rare_objects_are_expected_from_the_start(detector):
    raw = ops.convert_to_numpy(detector(np.full((1, 64, 64, 3), 128, "uint8")))
    assert 1 / (1 + np.exp(-raw[..., 4].mean())) == pytest.approx(0.01, rel=0.8)
