"""Batches from arrays: every row once before any again, resumable, halves drawn apart."""

import numpy as np
import pytest

from refinezoo.data.arrays import ArrayBatches, UnpairedArrays
from refinezoo.errors import RefinezooError


def test_every_row_comes_once_before_any_comes_again():
    rows = np.arange(12)
    batches = ArrayBatches((rows, rows * 10), batch_size=4, steps=3, seed=5)
    drawn = [batches[index] for index in range(3)]
    assert sorted(np.concatenate([first for first, _ in drawn])) == list(range(12))
    assert all((second == 10 * first).all() for first, second in drawn)
    before = np.concatenate([first for first, _ in drawn])
    batches.epoch = 1
    again = np.concatenate([batches[index][0] for index in range(3)])
    assert sorted(again) == list(range(12)) and (again != before).any()


def test_a_batch_depends_on_seed_epoch_and_index_alone():
    rows = np.arange(7)
    one, other = (ArrayBatches(rows, batch_size=3, steps=4, seed=1) for _ in range(2))
    one[0], one[3]
    one.epoch = other.epoch = 2
    np.testing.assert_array_equal(one[1], other[1])
    third = ArrayBatches(rows, batch_size=3, steps=4, seed=2)
    third.epoch = 2
    assert any((one[i] != third[i]).any() for i in range(4))


def test_the_halves_have_lengths_and_orders_of_their_own():
    synthetic = {"image": np.arange(20), "label": np.arange(20) % 10}
    batches = UnpairedArrays(synthetic, {"image": np.arange(6)}, batch_size=4, steps=2)
    batch = batches[0]
    assert len(batches) == 2 and set(batch) == {"synthetic", "real"}
    assert set(batch["real"]) == {"image"}
    assert (batch["synthetic"]["label"] == batch["synthetic"]["image"] % 10).all()
    batches.epoch = 3
    later = batches[1]["real"]["image"]  # rows 28 to 31: over the end of the fifth order
    assert later.shape == (4,) and later.max() < 6


@pytest.mark.parametrize("arrays", [(np.zeros(3), np.zeros(4)), np.zeros((0, 2))])
def test_arrays_of_other_or_no_length_are_refused(arrays):
    with pytest.raises(RefinezooError, match="one length, at least 1"):
        ArrayBatches(arrays, batch_size=2, steps=1)
