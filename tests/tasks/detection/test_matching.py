import numpy as np
import pytest

from refinezoo.tasks.detection.boxes import cxcywh_to_xyxy, pairwise_iou
from refinezoo.tasks.detection.matching import (
    IGNORED,
    NEGATIVE,
    bipartite_match,
    encode_targets,
    match_anchors,
)

pytestmark = pytest.mark.once


def _boxes(random, count):
    corner = random.uniform(0, 0.7, (count, 2))
    return np.concatenate([corner, corner + random.uniform(0.1, 0.3, (count, 2))], axis=1)


def test_bipartite_takes_the_best_pairs_first():
    iou = np.array([[0.6, 0.5, 0.0], [0.7, 0.1, 0.0]])
    np.testing.assert_array_equal(bipartite_match(iou), [1, 0])
    np.testing.assert_array_equal(bipartite_match(np.zeros((2, 3))), [-1, -1])


def test_matching_equals_a_loop():
    random = np.random.default_rng(0)
    for _ in range(50):
        boxes, anchors = _boxes(random, 4), _boxes(random, 60)
        iou = pairwise_iou(boxes, anchors)
        expected = np.full(60, NEGATIVE)
        for anchor in range(60):
            if iou[:, anchor].max() >= 0.5:
                expected[anchor] = iou[:, anchor].argmax()
        left = iou.copy()
        for _ in range(4):
            thing, anchor = np.unravel_index(left.argmax(), left.shape)
            if left[thing, anchor] > 0:
                expected[anchor] = thing
            left[thing], left[:, anchor] = -1, -1
        np.testing.assert_array_equal(match_anchors(boxes, np.zeros(4, bool), anchors), expected)


def test_every_object_gets_an_anchor_however_bad():
    boxes = np.array([[0.0, 0.0, 0.05, 0.05]])
    anchors = np.array([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    np.testing.assert_array_equal(match_anchors(boxes, np.zeros(1, bool), anchors), [0, NEGATIVE])


def test_anchors_in_a_crowd_take_no_part_unless_positive():
    boxes = np.array([[0.0, 0.0, 0.4, 0.4], [0.0, 0.0, 1.0, 0.5]])
    anchors = np.array(
        [
            [0.0, 0.0, 0.4, 0.4],  # the object, although inside the crowd
            [0.6, 0.0, 0.8, 0.2],  # inside the crowd
            [0.6, 0.25, 0.8, 0.75],  # exactly half inside
            [0.6, 0.3, 0.8, 0.8],  # less than half inside
        ]
    )
    match = match_anchors(boxes, np.array([False, True]), anchors)
    np.testing.assert_array_equal(match, [0, IGNORED, IGNORED, NEGATIVE])
    only_crowd = match_anchors(boxes[1:], np.array([True]), anchors)
    np.testing.assert_array_equal(only_crowd, [IGNORED, IGNORED, IGNORED, NEGATIVE])


def test_targets_hold_shifted_classes_and_offsets():
    anchors = np.array([[0.2, 0.2, 0.4, 0.4], [0.7, 0.7, 0.2, 0.2]], "float32")
    boxes = cxcywh_to_xyxy(np.array([[0.22, 0.2, 0.4, 0.4]]))
    targets = encode_targets(boxes, np.array([6]), np.zeros(1, bool), anchors)
    np.testing.assert_allclose(targets, [[7, 0.5, 0, 0, 0], [0, 0, 0, 0, 0]], atol=1e-5)
    nothing = encode_targets(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, bool), anchors)
    np.testing.assert_array_equal(nothing, np.zeros((2, 5)))
