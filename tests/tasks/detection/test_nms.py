import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.tasks.detection.boxes import pairwise_iou
from refinezoo.tasks.detection.nms import multiclass_nms, suppress, unrolled

multiclass_nms = compiled(multiclass_nms)


def greedy(boxes, scores, iou_threshold, score_threshold, top_k):
    """The textbook loop: indices kept, best first."""
    order = np.argsort(-scores, kind="stable")[:top_k]
    order = [i for i in order if scores[i] >= score_threshold]
    iou = pairwise_iou(boxes, boxes)
    kept = []
    for i in order:
        if all(iou[i, j] <= iou_threshold for j in kept):
            kept.append(i)
    return kept


def _crowded_scene(random, count):
    """Boxes on a grid of 1/256, whose areas float32 holds exactly: no IoU hangs on the last bit."""
    centre = random.choice(random.uniform(0.2, 0.8, (6, 2)), count) + random.normal(
        0, 0.04, (count, 2)
    )
    size = random.uniform(0.1, 0.3, (count, 2))
    corners = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    return (np.round(corners * 256) / 256).astype("float32")


def test_equals_greedy_suppression_on_200_random_scenes():
    random = np.random.default_rng(0)
    boxes = np.stack([_crowded_scene(random, 40) for _ in range(200)])
    scores = np.sort(random.random((200, 40)).astype("float32"), axis=1)[:, ::-1]
    kept = ops.convert_to_numpy(suppress(boxes, scores >= 0.05, 0.45))
    for row in range(200):
        expected = greedy(boxes[row], scores[row], 0.45, 0.05, 40)
        np.testing.assert_array_equal(np.flatnonzero(kept[row]), sorted(expected))


def test_eight_rounds_written_out_settle_these_scenes_too():
    random = np.random.default_rng(0)
    boxes = np.stack([_crowded_scene(random, 40) for _ in range(200)])
    valid = np.ones((200, 40), bool)
    looped = ops.convert_to_numpy(suppress(boxes, valid, 0.45))
    with unrolled():
        written_out = ops.convert_to_numpy(suppress(boxes, valid, 0.45))
    np.testing.assert_array_equal(written_out, looped)
    with unrolled(1):  # which is too few
        assert (ops.convert_to_numpy(suppress(boxes, valid, 0.45)) != looped).any()


def test_a_long_chain_of_suppressions_is_settled():
    left = np.arange(60) * 0.2
    boxes = np.stack([left, 0 * left, left + 1, 0 * left + 1], axis=1).astype("float32")
    kept = ops.convert_to_numpy(suppress(boxes, np.ones(60, bool), 0.6))
    np.testing.assert_array_equal(np.flatnonzero(kept), np.arange(0, 60, 2))


def test_multiclass_equals_greedy_per_class_then_best_overall():
    random = np.random.default_rng(1)
    boxes = np.stack([_crowded_scene(random, 80) for _ in range(5)])
    scores = random.random((5, 80, 3)).astype("float32") ** 4
    found = multiclass_nms(
        boxes, scores, score_threshold=0.05, iou_threshold=0.45, top_k=30, keep=25
    )
    found_boxes, found_scores, classes, count = (ops.convert_to_numpy(part) for part in found)
    for row in range(5):
        expected = sorted(
            (-scores[row, i, k], k, i)
            for k in range(3)
            for i in greedy(boxes[row], scores[row, :, k], 0.45, 0.05, 30)
        )[:25]
        n = count[row]
        assert n == len(expected)
        np.testing.assert_allclose(found_scores[row, :n], [-s for s, _, _ in expected])
        np.testing.assert_array_equal(classes[row, :n], [k for _, k, _ in expected])
        np.testing.assert_allclose(found_boxes[row, :n], boxes[row, [i for _, _, i in expected]])
        assert (classes[row, n:] == -1).all() and not found_boxes[row, n:].any()


def test_classes_may_have_boxes_of_their_own():
    random = np.random.default_rng(3)
    boxes = np.stack([_crowded_scene(random, 60) for _ in range(6)]).reshape(2, 3, 60, 4)
    boxes = boxes.transpose(0, 2, 1, 3)
    scores = random.random((2, 60, 3)).astype("float32") ** 4
    found = multiclass_nms(
        boxes, scores, score_threshold=0.05, iou_threshold=0.45, top_k=30, keep=25
    )
    found_boxes, found_scores, classes, count = (ops.convert_to_numpy(part) for part in found)
    for row in range(2):
        expected = sorted(
            (-scores[row, i, k], k, i)
            for k in range(3)
            for i in greedy(boxes[row, :, k], scores[row, :, k], 0.45, 0.05, 30)
        )[:25]
        n = count[row]
        assert n == len(expected)
        np.testing.assert_array_equal(classes[row, :n], [k for _, k, _ in expected])
        np.testing.assert_allclose(found_boxes[row, :n], [boxes[row, i, k] for _, k, i in expected])


def test_nothing_found_is_all_padding_and_fewer_anchors_than_asked_pad():
    boxes = np.zeros((2, 4, 4), "float32")
    found = multiclass_nms(boxes, np.zeros((2, 4, 2), "float32"), top_k=400, keep=20)
    assert [tuple(part.shape) for part in found] == [(2, 20, 4), (2, 20), (2, 20), (2,)]
    assert not ops.convert_to_numpy(found[3]).any()
    assert (ops.convert_to_numpy(found[2]) == -1).all()


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_converts_to_litert_builtins():
    import tensorflow as tf

    random = np.random.default_rng(2)
    boxes = _crowded_scene(random, 60)[None]
    scores = random.random((1, 60, 3)).astype("float32")

    def find(boxes, scores):
        return multiclass_nms(boxes, scores, score_threshold=0.1, top_k=30, keep=25)

    traced = tf.function(
        find, input_signature=[tf.TensorSpec(boxes.shape), tf.TensorSpec(scores.shape)]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()])
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        value = boxes if detail["shape"][-1] == 4 else scores
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    details = interpreter.get_output_details()
    results = [interpreter.get_tensor(detail["index"]) for detail in details]
    expected = [np.asarray(part) for part in find(boxes, scores)]
    for part in expected:
        same = [row for row in results if row.shape == part.shape and row.dtype == part.dtype]
        np.testing.assert_allclose(same[0], part, atol=1e-6)
    assert expected[3][0] > 5
