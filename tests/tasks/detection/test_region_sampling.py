"""Anchors, proposals, sampling and voting of the two-stage detector, against plain loops."""

from functools import partial

import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.tasks.detection.boxes import (
    cxcywh_to_xyxy,
    decode_offsets,
    encode_offsets,
    pairwise_iou,
)
from refinezoo.tasks.detection.proposals import UNSCALED, Proposals, propose, region_anchors
from refinezoo.tasks.detection.sampling import rpn_targets, sample_regions
from refinezoo.tasks.detection.voting import vote

numpy = ops.convert_to_numpy
propose, sample_regions, vote, decode_offsets = map(
    compiled, (propose, sample_regions, vote, decode_offsets)
)


def boxes_of(random, *shape):
    corners = random.uniform(0, 0.6, (*shape, 2))
    return np.concatenate([corners, corners + random.uniform(0.1, 0.4, (*shape, 2))], -1).astype(
        "float32"
    )


def objects_of(boxes, labels, crowd=(), places=6):
    """float32 [1, places, 5]."""
    objects = np.zeros((1, places, 5), "float32")
    objects[0, : len(boxes), 0] = np.where(np.isin(np.arange(len(boxes)), crowd), -1, labels)
    objects[0, : len(boxes), 1:] = boxes
    return objects


def targets_of(anchors, inside):
    """`rpn_targets` with the anchors of one network, which are NumPy."""
    return compiled(partial(rpn_targets, anchors=anchors, inside=inside))


def test_42_anchors_a_cell_in_faster_rcnns_sizes():
    anchors = region_anchors(640)
    assert anchors.shape == (40 * 40 * 42, 4) and anchors.dtype == np.float32
    first = anchors[:42] * 640
    np.testing.assert_allclose(first[:, :2], 8)
    # Ratio 1/3 of a 16 x 16 box is 28 x 9 pixels, ratio 2 is 11 x 22, each then scaled.
    np.testing.assert_allclose(first[:6, 2:], np.outer([2, 3, 5, 9, 16, 32], [28, 9]), rtol=1e-5)
    np.testing.assert_allclose(first[30, 2:], [22, 44], rtol=1e-5)
    np.testing.assert_allclose(anchors[42, :2] * 640, [24, 8])
    assert len(region_anchors(128)) == 8 * 8 * 42
    assert len(region_anchors(64, scales=(1, 2), ratios=(1,))) == 4 * 4 * 2


def test_offsets_of_sampled_objects_decode_to_their_boxes(rng):
    anchors = region_anchors(96, scales=(1, 2, 4))
    boxes = boxes_of(rng, 3)
    chance = rng.random((1, len(anchors))).astype("float32")
    inside = np.ones(len(anchors), bool)
    targets = targets_of(anchors, inside)
    labels, offsets = targets(objects_of(boxes, [1, 2, 1]), chance=chance)
    labels, offsets = numpy(labels)[0], numpy(offsets)[0]
    positive = labels == 1
    best = pairwise_iou(cxcywh_to_xyxy(anchors), boxes).argmax(axis=1)
    decoded = numpy(decode_offsets(offsets, anchors, UNSCALED))
    np.testing.assert_allclose(decoded[positive], boxes[best][positive], atol=1e-6)
    wanted = encode_offsets(boxes[best], anchors) * [0.1, 0.1, 0.2, 0.2]
    np.testing.assert_allclose(offsets[positive], wanted[positive], atol=1e-5)


def test_labels_of_anchors_follow_faster_rcnn(rng):
    anchors = region_anchors(128, scales=(1, 2, 3, 5))
    corners = cxcywh_to_xyxy(anchors)
    inside = ((corners >= 0) & (corners <= 1)).all(axis=1)
    boxes = np.concatenate([corners[inside][[40, 300]] + 0.004, [[0.01, 0.01, 0.2, 0.6]]])
    region = np.array([[0.5, 0.5, 1, 1]])
    objects = objects_of(np.concatenate([boxes, region]).astype("float32"), [1, 2, 3, 0], [3])
    iou = pairwise_iou(corners, boxes.astype("float32"))
    iou[~inside] = -1
    wanted = np.full(len(anchors), -1)
    x, y, u, v = corners.T
    shared = np.clip(np.minimum(u, 1) - np.maximum(x, 0.5), 0, None) * np.clip(
        np.minimum(v, 1) - np.maximum(y, 0.5), 0, None
    )
    covered = shared >= 0.5 * (u - x) * (v - y)
    wanted[inside & (iou.max(axis=1) < 0.3) & ~covered] = 0
    wanted[iou.max(axis=1) >= 0.7] = 1
    wanted[iou.argmax(axis=0)] = 1  # the third object reaches 0.7 with none
    assert iou[:, 2].max() < 0.7 and (wanted == 1).sum() > 3
    chance = rng.random((1, len(anchors))).astype("float32")
    targets = targets_of(anchors, inside)
    labels = numpy(targets(objects, chance=chance, batch=100_000)[0])[0]
    np.testing.assert_array_equal(labels, wanted)

    few = numpy(targets(objects, chance=chance, batch=4)[0])[0]
    assert (few == 1).sum() == 2 and (few == 0).sum() == 2  # half of four, then filled
    assert (wanted[few == 1] == 1).all() and (wanted[few == 0] == 0).all()
    other = numpy(targets(objects, chance=1 - chance, batch=4)[0])[0]
    assert (other != few).any()


@pytest.mark.once
def test_an_image_without_objects_gives_negatives_only(rng):
    anchors = region_anchors(64, scales=(1, 2))
    chance = rng.random((1, len(anchors))).astype("float32")
    inside = np.ones(len(anchors), bool)
    labels, offsets = rpn_targets(np.zeros((1, 3, 5), "f4"), anchors, inside, chance, batch=50)
    assert (numpy(labels) == 0).sum() == 50 and (numpy(labels) == 1).sum() == 0
    assert np.isfinite(numpy(offsets)).all()
    boxes = boxes_of(rng, 1, 9)
    valid = np.ones((1, 9), bool)
    drawn = sample_regions(np.zeros((1, 3, 5), "f4"), boxes, valid, chance[:, :12], batch=8)
    regions, labels, offsets = (numpy(part) for part in drawn)
    assert (labels == 0).all() and np.isfinite(offsets).all()
    assert (regions[..., 2] > regions[..., 0]).all()


def test_sampled_regions_are_a_quarter_objects(rng):
    things = boxes_of(rng, 2)
    region = np.array([[0, 0, 0.3, 0.3]], "float32")
    objects = objects_of(np.concatenate([things, region]), [5, 2, 0], crowd=[2])
    near = np.repeat(things, 20, axis=0) + rng.uniform(-0.03, 0.03, (40, 4)).astype("float32")
    boxes = np.concatenate([near, boxes_of(rng, 60)])[None]
    valid = rng.random((1, 100)) < 0.9
    chance = rng.random((1, 106)).astype("float32")
    regions, labels, offsets = (
        numpy(part)[0] for part in sample_regions(objects, boxes, valid, chance, batch=32)
    )
    iou = pairwise_iou(regions, things)
    assert regions.shape == (32, 4) and labels.dtype == np.int32
    assert (labels > 0).sum() == 8 and (labels == 0).sum() == 24
    np.testing.assert_array_equal(labels > 0, iou.max(axis=1) >= 0.5)
    np.testing.assert_array_equal(labels[:8], np.array([5, 2])[iou[:8].argmax(axis=1)])
    dropped = boxes[0][~valid[0]]
    assert not (regions[:, None] == dropped[None]).all(-1).any()
    centre = np.concatenate(
        [(regions[:, :2] + regions[:, 2:]) / 2, regions[:, 2:] - regions[:, :2]], 1
    )
    decoded = numpy(decode_offsets(offsets, centre))
    np.testing.assert_allclose(decoded[:8], things[iou[:8].argmax(axis=1)], atol=1e-5)
    x, y, u, v = regions[labels == 0].T
    shared = np.clip(np.minimum(u, 0.3) - x, 0, None) * np.clip(np.minimum(v, 0.3) - y, 0, None)
    assert (shared < 0.5 * (u - x) * (v - y)).all()  # none lies in the crowd region


def test_the_objects_themselves_are_sampled_when_no_proposal_is_near(rng):
    things = np.array([[0.1, 0.1, 0.3, 0.3], [0.6, 0.6, 0.9, 0.9]], "float32")
    boxes = np.array([[[0.4, 0.0, 0.6, 0.2]] * 3], "float32")
    chance = rng.random((1, 9)).astype("float32")
    drawn = sample_regions(
        objects_of(things, [1, 2]), boxes, np.ones((1, 3), bool), chance, batch=8
    )
    regions, labels, offsets = (numpy(part)[0] for part in drawn)
    np.testing.assert_allclose(regions[labels > 0], things)
    np.testing.assert_allclose(offsets[labels > 0], 0, atol=1e-6)
    assert sorted(labels) == [-1, -1, -1, 0, 0, 0, 1, 2]  # padding objects only fill up


def test_proposals_are_the_best_distinct_boxes(rng):
    anchors = region_anchors(128, scales=(2, 4), ratios=(1,))
    logits = rng.normal(size=(2, len(anchors), 2)).astype("float32")
    offsets = rng.normal(0, 0.2, (2, len(anchors), 4)).astype("float32")
    boxes, scores = (
        numpy(part) for part in propose(logits, offsets, anchors, candidates=60, image_size=128)
    )
    layer = Proposals(128, (2, 4), (1,), candidates=60, count=70)
    chosen = numpy(layer(logits, offsets))
    assert chosen.shape == (2, 70, 4)
    for row in range(2):
        every = np.clip(numpy(decode_offsets(offsets[row], anchors, UNSCALED)), 0, 1)
        probability = 1 / (1 + np.exp(logits[row, :, 0] - logits[row, :, 1]))
        large = ((every[:, 2:] - every[:, :2]) >= 16 / 128).all(axis=1)
        order = np.argsort(-np.where(large, probability, 0), kind="stable")[:60]
        kept = []
        for i in order:
            if all(pairwise_iou(every[[i]], every[[j]])[0, 0] <= 0.7 for j in kept):
                kept.append(i)
        assert 10 < len(kept) < 60
        found = scores[row] > 0
        np.testing.assert_allclose(boxes[row][found], every[kept], atol=1e-6)
        np.testing.assert_allclose(scores[row][found], probability[kept], rtol=1e-5)
        np.testing.assert_allclose(chosen[row, : len(kept)], every[kept], atol=1e-6)
        assert not chosen[row, len(kept) :].any()
    assert Proposals.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("spread", [0.01, 0.2])
def test_voting_equals_the_loop(spread, rng):
    kinds, count, keep = 2, 12, 6
    centre = boxes_of(rng, 1, 1, kinds)
    every = (centre + rng.normal(0, spread, (1, count, kinds, 4))).astype("float32")
    scores = rng.random((1, count, kinds)).astype("float32")
    scores[0, :4] *= 0.01
    classes = np.array([[0, 1, 0, 1, -1, -1]], "int32")
    picked = [3, 5, 7, 9]
    boxes, best = np.zeros((1, keep, 4), "float32"), np.zeros((1, keep), "float32")
    for place, i in enumerate(picked):
        boxes[0, place] = every[0, i, classes[0, place]]
        best[0, place] = scores[0, i, classes[0, place]]
    wanted = []
    for place in range(len(picked)):
        kind = classes[0, place]
        agrees = pairwise_iou(boxes[0, [place]], every[0, :, kind])[0] >= 0.5
        agrees &= scores[0, :, kind] >= 0.005
        weight = scores[0, agrees, kind]
        votes = len(weight)
        if votes >= 5:
            score = np.sort(weight)[-5:].mean()
        elif votes:
            score = weight.mean() * (votes + (5 - votes) * 0.3) / 5
        box = (weight[:, None] * every[0, agrees, kind]).sum(0) / weight.sum() if votes else 0
        wanted.append((-min(score, best[0, place]) if votes else 0, kind, box))
    wanted.sort(key=lambda row: row[0])
    found, voted, labels = (numpy(p) for p in vote(boxes, best, classes, every, scores, 0.005))
    np.testing.assert_allclose(voted[0], [-row[0] for row in wanted] + [0, 0], rtol=1e-4)
    np.testing.assert_array_equal(labels[0], [row[1] for row in wanted] + [-1, -1])
    for place, (_, _, box) in enumerate(wanted):
        np.testing.assert_allclose(found[0, place], box, atol=1e-5)
    assert not found[0, 4:].any()
