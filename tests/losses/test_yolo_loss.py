import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.losses.yolo import YOLOLoss, predicted_boxes, yolo_cells, yolo_loss

yolo_loss, predicted_boxes = map(compiled, (yolo_loss, predicted_boxes))

# Three per map, pixels; 64 pixel input: maps of 2, 4 and 8 cells.
ANCHORS = [[4, 6], [8, 5], [7, 9], [14, 10], [12, 20], [20, 21], [30, 22], [28, 44], [60, 50]]
COUNT, CLASSES, BOXES = 3 * (4 + 16 + 64), 4, 6


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def bce(wanted, logit):
    p = sigmoid(logit)
    return -(wanted * np.log(p) + (1 - wanted) * np.log(1 - p))


def every_cell():
    """(row, column, cells a side, anchor in fractions), in the order of the predictions."""
    for level, cells in enumerate((2, 4, 8)):
        for y in range(cells):
            for x in range(cells):
                for w, h in ANCHORS[6 - 3 * level : 9 - 3 * level]:
                    yield x, y, cells, w / 64, h / 64


def iou(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared), shared / areas[0]


def brute_force(targets, predictions, threshold=0.5):
    """The definition, prediction by prediction; also how many were excused."""
    total, excused = 0.0, 0
    for target, prediction in zip(targets.astype("f8"), predictions.astype("f8"), strict=True):
        for row, (x, y, cells, w, h) in enumerate(every_cell()):
            t, p = target[row], prediction[row]
            if t[0] > 0:
                area = w * np.exp(t[3]) * h * np.exp(t[4])
                place = bce(t[1], p[0]) + bce(t[2], p[1])
                place += 0.5 * ((t[3] - p[2]) ** 2 + (t[4] - p[3]) ** 2)
                classes = [bce(float(k == t[0] - 1), p[5 + k]) for k in range(CLASSES)]
                total += (2 - area) * place + bce(1.0, p[4]) + sum(classes)
                continue
            centre = np.array([(sigmoid(p[0]) + x) / cells, (sigmoid(p[1]) + y) / cells])
            half = np.array([w * np.exp(p[2]), h * np.exp(p[3])]) / 2
            box = [*(centre - half), *(centre + half)]
            free = True
            for kind, *thing in target[COUNT:]:
                overlap, inside = iou(box, thing) if kind else (0, 0)
                free &= not (kind == 1 and overlap >= threshold)
                free &= not (kind == 2 and inside >= 0.5)
            total += bce(0.0, p[4]) if free else 0.0
            excused += not free
    return total / len(targets), excused


@pytest.fixture(scope="module")
def batch():
    """Targets and predictions of three images: objects, crowds, padding."""
    random = np.random.default_rng(0)
    targets = np.zeros((3, COUNT + BOXES, 5), "float32")
    predictions = random.normal(0, 0.7, (3, COUNT, 5 + CLASSES)).astype("float32")
    for image in targets[:2]:
        rows = random.choice(COUNT, 5, replace=False)
        image[rows, 0] = random.integers(1, CLASSES + 1, 5)
        image[rows, 1:3] = random.random((5, 2))
        image[rows, 3:] = random.normal(0, 0.4, (5, 2))
        low, size = random.uniform(0, 0.6, (4, 2)), random.uniform(0.2, 0.5, (4, 2))
        image[COUNT : COUNT + 4, 0] = [1, 1, 1, 2]
        image[COUNT : COUNT + 4, 1:] = np.concatenate([low, low + size], axis=1)
    return targets, predictions


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_equals_the_definition(batch, threshold):
    wanted, excused = brute_force(*batch, threshold)
    assert excused > 3
    value = float(yolo_loss(*batch, ANCHORS, threshold))
    assert value == pytest.approx(wanted, rel=1e-5)


def test_crowds_and_objects_excuse_their_predictions(batch):
    targets, predictions = batch
    with_boxes = float(yolo_loss(targets, predictions, ANCHORS))
    without = targets.copy()
    without[:, COUNT:] = 0
    assert float(yolo_loss(without, predictions, ANCHORS)) > with_boxes + 1
    crowd = np.zeros((1, COUNT + 1, 5), "float32")
    crowd[0, COUNT] = [2, -5, -5, 6, 6]
    assert float(yolo_loss(crowd, predictions[:1], ANCHORS)) == 0.0


def test_the_loss_stays_finite_for_wild_predictions(batch):
    targets, predictions = batch
    assert np.isfinite(float(yolo_loss(targets, predictions * 500, ANCHORS)))


def test_cells_are_those_of_the_definition_whether_counted_early_or_late():
    known = yolo_cells(COUNT, ANCHORS)
    late = [
        ops.convert_to_numpy(part) for part in yolo_cells(ops.convert_to_tensor(COUNT), ANCHORS)
    ]
    wanted = np.array(list(every_cell()), "float32")
    for found in (known, late):
        np.testing.assert_array_equal(found[0], wanted[:, :2])
        np.testing.assert_array_equal(found[1][:, 0], wanted[:, 2])
        np.testing.assert_allclose(found[2], wanted[:, 3:], rtol=1e-6)


def test_boxes_of_zero_predictions_are_the_anchors_in_the_middle_of_their_cells():
    boxes = ops.convert_to_numpy(predicted_boxes(np.zeros((1, COUNT, 9), "float32"), ANCHORS))[0]
    for box, (x, y, cells, w, h) in zip(boxes, every_cell(), strict=True):
        cx, cy = (x + 0.5) / cells, (y + 0.5) / cells
        wanted = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
        np.testing.assert_allclose(box, wanted, atol=1e-6)


def test_the_class_is_the_function_and_round_trips(batch):
    loss = YOLOLoss(ANCHORS, ignore_threshold=0.3)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert float(compiled(again)(*batch)) == pytest.approx(
        float(yolo_loss(*batch, ANCHORS, 0.3)), rel=1e-6
    )
    for wrong in ([], ANCHORS[:4], [[1, 2, 3]] * 3):
        with pytest.raises(RefinezooError, match="pairs .*multiple of 3"):
            YOLOLoss(wrong)
