"""The loss of DeepLab-v2 against loops over cells."""

import math

import numpy as np
import pytest
from compiled import compiled

from refinezoo.losses.segmentation import multi_scale_loss, nearest_ids, segmentation_loss

multi_scale_loss, segmentation_loss = map(compiled, (multi_scale_loss, segmentation_loss))


def by_hand(logits, class_ids, ignore_id):
    _, height, width, _ = logits.shape
    losses = []
    for image, row, column in np.ndindex(logits.shape[:3]):
        y = int((row + 0.5) * class_ids.shape[1] / height)
        x = int((column + 0.5) * class_ids.shape[2] / width)
        wanted = class_ids[image, y, x]
        if wanted != ignore_id:
            scores = [float(s) for s in logits[image, row, column]]
            losses.append(math.log(sum(math.exp(s) for s in scores)) - scores[wanted])
    return sum(losses) / len(losses) if losses else 0.0


@pytest.fixture
def maps(rng):
    return [rng.normal(0, 2, (2, h, w, 3)).astype("float32") for h, w in ((5, 7), (4, 5), (3, 4))]


@pytest.mark.parametrize("ignore_id", [255, pytest.param(3, marks=pytest.mark.once)])
def test_cross_entropy_of_labels_reduced_to_the_map(rng, maps, ignore_id):
    class_ids = rng.choice(np.array([0, 1, 2, ignore_id], "uint8"), (2, 33, 50))
    for logits in maps:
        expected = by_hand(logits, class_ids, ignore_id)
        found = float(segmentation_loss(logits, class_ids, ignore_id))
        assert found == pytest.approx(expected, rel=1e-5)
    total = sum(by_hand(logits, class_ids, ignore_id) for logits in maps)
    assert float(multi_scale_loss(maps, class_ids, ignore_id)) == pytest.approx(total, rel=1e-5)


def test_ignored_pixels_have_no_say(rng, maps):
    logits, class_ids = maps[0], rng.integers(0, 3, (2, 5, 7))
    class_ids[0, :3] = 255
    before = float(segmentation_loss(logits, class_ids, 255))
    logits[0, :3] = 50.0
    assert float(segmentation_loss(logits, class_ids, 255)) == before
    assert float(segmentation_loss(logits, np.full_like(class_ids, 255), 255)) == 0.0


def test_labels_are_taken_from_under_the_middle_of_each_cell():
    ids = np.arange(24).reshape(1, 4, 6)
    found = np.asarray(nearest_ids(ids, (2, 2)))
    np.testing.assert_array_equal(found[0], [[7, 10], [19, 22]])
    np.testing.assert_array_equal(np.asarray(nearest_ids(ids, (4, 6))), ids)
