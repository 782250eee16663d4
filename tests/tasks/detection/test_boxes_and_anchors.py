import numpy as np
import pytest
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.networks.ssd import feature_levels
from refinezoo.tasks.detection import boxes as B
from refinezoo.tasks.detection.anchors import ssd_anchors, ssd_aspect_ratios, ssd_scales


def _random_boxes(random, count, side=100.0):
    corner = random.uniform(0, side * 0.8, (count, 2))
    return np.concatenate([corner, corner + random.uniform(1, side * 0.5, (count, 2))], axis=1)


def test_conversions_round_trip():
    boxes = _random_boxes(np.random.default_rng(0), 20)
    np.testing.assert_allclose(B.xywh_to_xyxy(B.xyxy_to_xywh(boxes)), boxes, atol=1e-12)
    np.testing.assert_allclose(B.cxcywh_to_xyxy(B.xyxy_to_cxcywh(boxes)), boxes, atol=1e-12)
    np.testing.assert_array_equal(B.xyxy_to_xywh(np.array([[1, 2, 4, 8]])), [[1, 2, 3, 6]])


def test_pairwise_iou_equals_counting_pixels():
    random = np.random.default_rng(1)
    boxes = _random_boxes(random, 6, 40).astype(int)
    boxes[:, 2:] += 1
    masks = np.zeros((6, 64, 64), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = True
    shared = (masks[:, None] & masks).sum((-1, -2))
    union = (masks[:, None] | masks).sum((-1, -2))
    np.testing.assert_allclose(B.pairwise_iou(boxes, boxes), shared / union)
    np.testing.assert_allclose(
        B.pairwise_coverage(boxes, boxes), shared / masks.sum((-1, -2))[:, None]
    )


def test_offsets_decode_to_the_boxes_they_encode():
    random = np.random.default_rng(2)
    anchors = ssd_anchors(128, feature_levels(128))
    boxes = (_random_boxes(random, len(anchors)) / 100).astype("float32")
    decoded = B.decode_offsets(B.encode_offsets(boxes, anchors)[None], anchors)
    np.testing.assert_allclose(ops.convert_to_numpy(decoded)[0], boxes, atol=2e-6)


def test_decoding_hand_computed_offsets():
    anchor = np.array([[0.5, 0.5, 0.2, 0.4]], "float32")
    decoded = B.decode_offsets(np.array([[[1.0, -1.0, 0.0, np.log(2) / 0.2]]], "float32"), anchor)
    expected = [0.52 - 0.1, 0.46 - 0.4, 0.52 + 0.1, 0.46 + 0.4]
    np.testing.assert_allclose(ops.convert_to_numpy(decoded)[0, 0], expected, atol=1e-6)


def test_paper_anchors():
    levels = feature_levels(300)
    assert levels == [(38, 8), (19, 16), (10, 32), (5, 64), (3, 100), (1, 300)]
    np.testing.assert_allclose(ssd_scales(6), [0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05])
    assert [len(ratios) + 1 for ratios in ssd_aspect_ratios(6)] == [4, 6, 6, 6, 4, 4]
    anchors = ssd_anchors(300, levels)
    assert anchors.shape == (8732, 4)
    np.testing.assert_allclose(anchors[0], [4 / 300, 4 / 300, 0.1, 0.1], atol=1e-6)
    np.testing.assert_allclose(anchors[1, 2:], np.sqrt(0.1 * 0.2), atol=1e-6)
    np.testing.assert_allclose(anchors[2, 2:], [0.1 * 2**0.5, 0.1 / 2**0.5], atol=1e-6)
    np.testing.assert_allclose(anchors[4, :2], [12 / 300, 4 / 300], atol=1e-6)  # x runs first
    np.testing.assert_allclose(anchors[-4], [0.5, 0.5, 0.88, 0.88], atol=1e-6)


@pytest.mark.parametrize(
    "size, maps", [(128, [16, 8, 4, 2, 1]), (64, [8, 4, 2, 1]), (32, [4, 2, 1])]
)
def test_small_images_drop_levels_and_respace_scales(size, maps):
    levels = feature_levels(size)
    assert [cells for cells, _ in levels] == maps
    scales = ssd_scales(len(maps))
    assert len(scales) == len(maps) + 1
    assert scales[:2] == [0.1, 0.2] and scales[-2:] == [0.88, 1.05] or len(maps) < 4
    assert np.all(np.diff(scales) > 0)
    anchors = ssd_anchors(size, levels)
    assert anchors.shape == (
        sum(n * n * (len(r) + 1) for n, r in zip(maps, ssd_aspect_ratios(len(maps)), strict=True)),
        4,
    )
    assert anchors[:, :2].min() > 0 and anchors[:, :2].max() < 1


def test_too_small_an_image_is_refused():
    with pytest.raises(RefinezooError, match="at least 32 pixels, received 16"):
        feature_levels(16)
