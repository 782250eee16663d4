"""The look at the first batch loses none and never starts the training of bad values."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.training.first_batch import first_batch

pytestmark = pytest.mark.once


class Three(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return {"image": np.full((2, 1), index)}


def test_arrays_give_their_first_rows():
    rows = np.arange(100)
    batch, x = first_batch({"image": rows})
    assert batch["image"].tolist() == list(range(64)) and x["image"] is rows
    (images, labels), _ = first_batch(rows, rows + 1)
    assert labels[0] == images[0] + 1


def test_datasets_are_asked_once():
    batch, x = first_batch(Three())
    assert batch["image"][0, 0] == 0 and isinstance(x, Three)


def test_a_generator_loses_no_batch():
    batch, x = first_batch(np.full(2, i) for i in range(3))
    assert batch.tolist() == [0, 0]
    assert [rows[0] for rows in x] == [0, 1, 2]
    with pytest.raises(RefinezooError, match="empty data set"):
        first_batch(iter([]))


@pytest.mark.tensorflow
def test_tf_data():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(np.arange(6)).batch(2)
    batch, x = first_batch(dataset)
    assert batch.tolist() == [0, 1] and x is dataset


@pytest.mark.parametrize("nothing", [None, [], [1], "abc", 3, {"synthetic": 1}, np.float32(1)])
def test_what_holds_no_batches_is_refused_in_words(nothing):
    with pytest.raises(RefinezooError, match="expected arrays, a keras.utils.PyDataset"):
        first_batch(nothing)
