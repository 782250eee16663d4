from types import SimpleNamespace

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.tasks.detection import SSD300, Augmentation, DetectionBatches
from refinezoo.tasks.detection.augmentation import look_through

pytestmark = pytest.mark.once

NONE = np.zeros(0, int)


@pytest.fixture(scope="module")
def detector():
    """One untrained detector for all tests here."""
    return SSD300(["red", "blue"], image_size=64, width_multiplier=0.05, batch_norm=True)


def _image(random, height=90, width=120):
    """A dark image with one bright rectangle, and its box."""
    image = np.full((height, width, 3), 20, "uint8")
    x1, y1 = random.integers(10, 50, 2)
    x2, y2 = x1 + random.integers(20, 60), y1 + random.integers(20, 35)
    image[y1:y2, x1:x2] = 230
    return image, np.array([[x1, y1, x2, y2]], "float32")


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_boxes_stay_on_their_pixels(flip):
    augment = Augmentation(photometric=0.0, flip=flip)
    kept = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        image, boxes = _image(random)
        augmented, found, labels, crowd = augment(
            image, boxes, np.array([1]), np.zeros(1, bool), 96, random
        )
        assert augmented.shape == (96, 96, 3) and augmented.dtype == np.uint8
        assert len(found) == len(labels) == len(crowd)
        if not len(found):
            continue
        kept += 1
        bright = augmented.min(axis=-1) > 125
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        if not len(rows):
            assert (found[0, 2:] - found[0, :2]).min() < 2
            continue
        seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose(found[0], seen, atol=1.01)
    assert kept > 120


def test_the_same_seed_gives_the_same_image_and_another_seed_another():
    augment = Augmentation()
    image, boxes = _image(np.random.default_rng(0))

    def draw(seed):
        random = np.random.default_rng(seed)
        return augment(image, boxes, np.array([0]), np.zeros(1, bool), 64, random)[0]

    np.testing.assert_array_equal(draw(3), draw(3))
    assert any((draw(3) != draw(seed)).any() for seed in range(4, 8))


def test_colours_change_and_geometry_does_not():
    augment = Augmentation(photometric=1.0, expand=0.0, min_ious=(None,))
    random = np.random.default_rng(0)
    image, boxes = _image(random, 64, 64)
    augmented, found, _, _ = augment(image, boxes, np.array([0]), np.zeros(1, bool), 64, random)
    np.testing.assert_array_equal(found, boxes.clip(0, 64))
    assert (augmented != image).any()


def test_expanding_fills_with_the_mean_colour():
    image = np.full((40, 40, 3), 7, "uint8")
    window = np.array([-40.0, -40.0, 40.0, 40.0])
    seen, boxes = look_through(image, np.array([[0, 0, 40, 40]], "float32"), window, 32)
    np.testing.assert_array_equal(seen[0, 0], [123, 117, 104])
    np.testing.assert_array_equal(seen[-1, -1], [7, 7, 7])
    np.testing.assert_array_equal(boxes, [[16, 16, 32, 32]])


def test_crowd_boxes_move_along_and_do_not_steer_crops():
    augment = Augmentation(photometric=0.0, expand=0.0, min_ious=(0.9,))
    image = np.zeros((60, 60, 3), "uint8")
    boxes = np.array([[10, 10, 50, 50], [0, 0, 60, 10]], "float32")
    crops = 0
    for seed in range(30):
        random = np.random.default_rng(seed)
        _, found, labels, crowd = augment(
            image, boxes, np.array([1, 0]), np.array([False, True]), 60, random
        )
        assert (~crowd).sum() == 1 and labels[~crowd] == [1]
        crops += int((found[0] != boxes[0]).any())
    assert crops > 0


def test_images_without_objects_are_augmented_too():
    random = np.random.default_rng(0)
    image = np.zeros((20, 30, 3), "uint8")
    for _ in range(30):
        augmented, boxes, _, _ = Augmentation(flip=0.5)(
            image, np.zeros((0, 4), "float32"), NONE, NONE.astype(bool), 32, random
        )
        assert augmented.shape == (32, 32, 3) and boxes.shape == (0, 4)


def test_batches_repeat_exactly_and_resume_at_an_epoch(squares, detector):
    first = DetectionBatches(squares, detector, 4, steps=5, seed=3)
    again = DetectionBatches(squares, detector, 4, steps=5, seed=3, initial_epoch=1)
    images, targets = first[2]
    assert images.shape == (4, 64, 64, 3) and images.dtype == np.uint8
    assert targets.shape == (4, len(detector.anchors), 5) and targets.dtype == np.float32
    np.testing.assert_array_equal(first[2][0], images)
    first.on_epoch_end()
    assert (first[2][0] != images).any()
    np.testing.assert_array_equal(first[2][0], again[2][0])
    np.testing.assert_array_equal(first[2][1], again[2][1])


def test_a_pass_shows_every_image_once(squares, detector):
    batches = DetectionBatches(squares, detector, 7, augmentation=None)
    assert len(batches) == 4
    sizes = [len(batches[i][0]) for i in range(4)]
    assert sizes == [7, 7, 7, 3]
    seen = {image.tobytes() for i in range(4) for image in batches[i][0]}
    assert seen == {image.tobytes() for image in squares.images}


def test_targets_name_the_detectors_classes(squares, detector):
    squares.class_names = ["blue", "red"]
    batches = DetectionBatches(squares, detector, 1, augmentation=None, shuffle=False)
    labels = [int(batches[i][1][..., 0].max()) for i in range(4)]
    assert labels == [2, 1, 2, 1]


def test_repeated_crowd_boxes_and_ignore_regions_mask_anchors(squares, detector):
    for record in squares.records:
        record.boxes_xywh = np.array([[0, 0, 64, 64], [0, 0, 64, 64]], "float32")
        record.labels, record.crowd = np.array([0, 1]), np.ones(2, bool)
    batches = DetectionBatches(squares, detector, 2, augmentation=None)
    assert len(batches._targets[0][0]) == 1
    assert (batches[0][1][..., 0] == -1).mean() > 0.5
    for record in squares.records:
        record.boxes_xywh, record.labels = np.zeros((0, 4)), NONE
        record.crowd, record.ignore_regions = NONE.astype(bool), [[0, 0, 64, 64]]
    masked = DetectionBatches(squares, detector, 2, augmentation=None)
    assert (masked[0][1][..., 0] == -1).mean() > 0.5
    plain = DetectionBatches(squares, detector, 2, augmentation=None, ignore_regions=False)
    assert (plain[0][1][..., 0] == 0).all()


def test_images_without_objects_train(squares, detector):
    for record in squares.records:
        record.boxes_xywh, record.labels, record.crowd = np.zeros((0, 4)), NONE, NONE.astype(bool)
    images, targets = DetectionBatches(squares, detector, 2)[0]
    assert not targets.any()
    detector.compile("sgd")
    assert float(detector.loss(targets, detector(images, training=True))) == 0.0


def test_bad_datasets_are_refused(squares, detector):
    with pytest.raises(RefinezooError, match="received an empty one"):
        DetectionBatches(SimpleNamespace(records=[], class_names=["red"]), detector)
    squares.class_names = ["red", "bleu"]
    with pytest.raises(RefinezooError, match="received 'bleu'. Did you mean 'blue'"):
        DetectionBatches(squares, detector)
    squares.class_names = ["red", "blue"]
    squares.records[3].labels = np.array([2])
    with pytest.raises(RefinezooError, match="expected labels 0 to 1.*image 103"):
        DetectionBatches(squares, detector)
    squares.records[3].labels = np.array([1])
    squares.records[5].boxes_xywh = np.array([[1, np.nan, 3, 4]], "float32")
    with pytest.raises(RefinezooError, match="finite boxes.*image 105"):
        DetectionBatches(squares, detector)
    with pytest.raises(RefinezooError, match="batch_size"):
        DetectionBatches(squares, detector, 0)


def test_boxes_outside_the_image_are_cut_and_empty_ones_dropped(squares, detector):
    record = squares.records[0]
    record.boxes_xywh = np.array([[-10, 50, 30, 40], [5, 5, 0, 9], [70, 70, 5, 5]], "float32")
    record.labels, record.crowd = np.array([0, 1, 1]), np.zeros(3, bool)
    boxes, labels, _ = DetectionBatches(squares, detector)._targets[0]
    np.testing.assert_allclose(boxes * 64, [[0, 50, 20, 64]])
    np.testing.assert_array_equal(labels, [0])
