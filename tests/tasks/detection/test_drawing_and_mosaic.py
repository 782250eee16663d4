import cv2
import numpy as np
import pytest

from refinezoo.data.drawing import RIGHT, TRUTH, WRONG
from refinezoo.errors import RefinezooError
from refinezoo.tasks.detection import SSD300, Augmentation, DetectionBatches, YOLOv3
from refinezoo.tasks.detection.draw import draw_detections, drawn_boxes
from refinezoo.tasks.detection.mosaic import mosaic

pytestmark = pytest.mark.once


class Oracle:
    """Finds the square of an image, with a wrong class in every other one."""

    class_names = ["red", "blue"]

    def __init__(self, squares):
        self.squares, self.calls = squares, 0

    def predict(self, images):
        place = next(k for k, each in enumerate(self.squares.images) if each is images[0])
        record = self.squares.records[place]
        x, y, w, h = record.boxes_xywh[0]
        label = int(record.labels[0]) ^ (self.calls % 2)
        self.calls += 1
        boxes = np.zeros((1, 3, 4), "float32")
        boxes[0, :2] = [x, y, x + w, y + h]
        scores = np.array([[0.9, 0.1, 0.0]], "float32")
        classes = np.array([[label, label, -1]], "int32")
        return {"boxes": boxes, "scores": scores, "classes": classes, "count": np.array([2])}


def _has(image, colour) -> bool:
    return bool((np.abs(image.astype(int) - colour).max(axis=-1) <= 40).sum() > 100)


def test_images_show_truth_and_detections(squares, tmp_path):
    squares.images = [np.full_like(image, 110) for image in squares.images]
    paths = draw_detections(Oracle(squares), squares, tmp_path / "drawn", count=4)
    assert [path.name for path in paths] == ["100_0.jpg", "108_8.jpg", "115_15.jpg", "123_23.jpg"]
    for number, path in enumerate(paths):
        drawn = cv2.imread(str(path))[..., ::-1]
        assert drawn.shape == (640, 640, 3)
        assert _has(drawn, TRUTH) and _has(drawn, WRONG if number % 2 else RIGHT)
        assert not _has(drawn, RIGHT if number % 2 else WRONG)
    assert len(draw_detections(Oracle(squares), squares, tmp_path / "all", count=99)) == 24
    with pytest.raises(RefinezooError, match="count of 1 or more"):
        draw_detections(Oracle(squares), squares, tmp_path, count=0)


def test_boxes_are_drawn_where_they_are():
    image = np.full((32, 64, 3), 100, "uint8")
    boxes = np.array([[16.0, 8.0, 48.0, 24.0]])
    drawn = drawn_boxes(image, (boxes, ["ä"]), (np.zeros((0, 4)), [], []))
    assert drawn.shape == (320, 640, 3)
    changed = (drawn != 100).any(-1)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    np.testing.assert_allclose([rows[0], rows[-1]], [80, 240], atol=1)
    np.testing.assert_allclose([columns[0], columns[-1]], [160, 480], atol=1)


COLOURS = np.array([[220, 20, 20], [20, 220, 20], [20, 20, 220], [220, 220, 20]])


def _tile(random, label):
    """A dark image with one square of that label's colour, its box, label and crowd."""
    image = np.full((48, 48, 3), 20, "uint8")
    (x, y), side = random.integers(2, 20, 2), int(random.integers(14, 26))
    image[y : y + side, x : x + side] = COLOURS[label]
    box = np.array([[x, y, x + side, y + side]], "float32")
    return image, box, np.array([label]), np.zeros(1, bool)


def test_boxes_of_a_mosaic_lie_on_their_squares():
    seen = set()
    for seed in range(60):
        random = np.random.default_rng(seed)
        tiles = [_tile(random, label) for label in range(4)]
        image, boxes, labels, crowd = mosaic(tiles, 48, random)
        assert image.shape == (48, 48, 3) and len(boxes) == len(labels) == len(crowd)
        for box, label in zip(boxes, labels, strict=True):
            inside = (np.abs(image.astype(int) - COLOURS[label]) <= 90).all(axis=-1)
            rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
            around = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            np.testing.assert_allclose(box, around, atol=1.6)
            seen.add(int(label))
    assert seen == {0, 1, 2, 3}


def test_mosaics_are_off_by_default_and_repeat_by_seed(squares):
    detector = SSD300(["red", "blue"], image_size=64, width_multiplier=0.05)
    plain = DetectionBatches(squares, detector, 4, seed=3)
    settings = {"seed": 3, "steps": 6}
    batches = DetectionBatches(
        squares, detector, 4, augmentation=Augmentation(mosaic=1.0), **settings
    )
    again = DetectionBatches(
        squares, detector, 4, augmentation=Augmentation(mosaic=1.0), **settings
    )
    assert Augmentation().mosaic == 0.0
    np.testing.assert_array_equal(batches[1][0], again[1][0])
    assert (batches[1][0] != plain[1][0]).any(axis=(1, 2, 3)).all()
    positive = [(batches[k][1][..., 0] > 0).any(axis=1).mean() for k in range(6)]
    assert np.mean(positive) > 0.7


@pytest.fixture(scope="module")
def yolo():
    return YOLOv3(["red", "blue"], image_size=64, width_multiplier=0.05, depth_multiplier=0.1)


def test_letterboxing_detectors_train_on_letterboxed_images(squares, yolo):
    for record, place in zip(squares.records, range(24), strict=True):
        squares.images[place] = np.ascontiguousarray(squares.images[place][:32])
        record.height = 32
        record.boxes_xywh = np.array([[10, 4, 20, 24]], "float32")
    images, targets = DetectionBatches(squares, yolo, 3, augmentation=None, shuffle=False)[0]
    for image, record, target in zip(images, squares.records, targets, strict=False):
        np.testing.assert_array_equal(image, yolo.prepare(squares.read(record.id - 100)))
        np.testing.assert_allclose(target[-50] * 64, [64, 10, 20, 30, 44], atol=1e-3)
    augmented = DetectionBatches(squares, yolo, 24, augmentation=Augmentation(jitter=0.3))
    images, targets = augmented[0]
    assert (images == 128).all(-1).any(axis=(1, 2)).mean() > 0.5
    assert not (images == (123, 117, 104)).all(-1).any()
    shapes = targets[:, -50, 3:] - targets[:, -50, 1:3]
    assert (shapes[targets[:, -50, 0] == 1] > 0).all()


def test_jitter_changes_the_proportions_and_boxes_follow():
    image = np.full((60, 60, 3), 20, "uint8")
    image[20:40, 20:40] = 230
    augment = Augmentation(photometric=0.0, expand=0.0, min_ious=(None,), jitter=0.3)
    ratios = []
    for seed in range(30):
        augmented, boxes, _, _ = augment(
            image,
            np.array([[20, 20, 40, 40]], "float32"),
            np.zeros(1, int),
            np.zeros(1, bool),
            96,
            np.random.default_rng(seed),
            letterbox=True,
        )
        bright = augmented.min(axis=-1) > 180
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        around = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose(boxes[0], around, atol=1.5)
        ratios.append((boxes[0, 2] - boxes[0, 0]) / (boxes[0, 3] - boxes[0, 1]))
    assert min(ratios) < 0.8 and max(ratios) > 1.25 and min(ratios) > 0.45


def test_sizes_take_turns_and_repeat(squares, yolo):
    batches = DetectionBatches(squares, yolo, 2, sizes=[32, 64, 96], seed=1, steps=9)
    sides = [batches[k][0].shape[1] for k in range(9)]
    assert sorted(sides) == [32] * 3 + [64] * 3 + [96] * 3 and sides[0] != sides[1]
    assert batches[0][1].shape == (2, yolo.prediction_count(sides[0]) + 50, 5)
    batches.on_epoch_end()
    assert [batches[k][0].shape[1] for k in range(9)] != sides
    again = DetectionBatches(squares, yolo, 2, sizes=[32, 64, 96], seed=1, steps=9, initial_epoch=1)
    for k in range(9):
        np.testing.assert_array_equal(again[k][0], batches[k][0])


@pytest.mark.parametrize(
    ("sizes", "options", "words"),
    [
        ([32, 50], {}, "different multiples of 32 pixels, received \\[32, 50\\]"),
        ([32, 32], {}, "different multiples"),
        ([], {}, "different multiples"),
        ([32, 64], {"steps": 1}, "2 or more batches an epoch"),
    ],
)
def test_wrong_sizes_are_refused(sizes, options, words, squares, yolo):
    with pytest.raises(RefinezooError, match=words):
        DetectionBatches(squares, yolo, 2, sizes=sizes, **options)
    ssd = SSD300(["red", "blue"], image_size=32, width_multiplier=0.05)
    with pytest.raises(RefinezooError, match="takes several sizes, received a SSD300.*32 pixels"):
        DetectionBatches(squares, ssd, 2, sizes=[32, 64])
