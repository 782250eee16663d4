"""`predict` means the same of whatever holds the images, with Keras' keywords."""

import itertools

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refiners import FDA, Reinhard
from refinezoo.tasks.depth import DepthUNet


class Pairs(keras.utils.PyDataset):
    """Two images a batch, and a label that `predict` has no use for."""

    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return len(self.images) // 2

    def __getitem__(self, index):
        images = self.images[2 * index : 2 * index + 2]
        return images, np.zeros(len(images))


class Counted(keras.callbacks.Callback):
    """How many batches were predicted."""

    def __init__(self):
        super().__init__()
        self.batches = 0

    def on_predict_batch_end(self, batch, logs=None):
        self.batches += 1


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (4, 16, 32, 3), "uint8")


def predicted(model, x, **options):
    return model.predict(x, verbose=0, **options)


def assert_equal_to_rounding(given, wanted):
    """Batches of other sizes may be summed in another order: a level, a tenth of a millimetre."""
    given, wanted = np.asarray(given), np.asarray(wanted)
    assert given.dtype == wanted.dtype
    limit = 1 if wanted.dtype == np.uint8 else 1e-4
    np.testing.assert_allclose(given.astype("f8"), wanted.astype("f8"), rtol=1e-5, atol=limit)


@pytest.mark.parametrize("make", [Reinhard, lambda: DepthUNet(width=2)])
def test_images_may_come_as_arrays_lists_and_data_sets(make, images):
    model = make()
    wanted = predicted(model, images)
    sources = [list(images), images.astype("float32"), Pairs(images), iter(np.split(images, 2))]
    for source in sources:
        assert_equal_to_rounding(predicted(model, source), wanted)
    assert_equal_to_rounding(predicted(model, images, batch_size=1), wanted)
    assert_equal_to_rounding(predicted(model, images[0])[0], wanted[0])
    mixed = predicted(model, [images[0], images[1, :, :16]])
    assert [np.shape(answer)[:2] for answer in mixed] == [(16, 32), (16, 16)]


def test_steps_end_what_callbacks_watch(images):
    model, watch = Reinhard(), Counted()
    first = predicted(model, Pairs(images), steps=1, callbacks=[watch])
    assert_equal_to_rounding(first, predicted(model, images[:2]))
    assert watch.batches == 1
    endless = itertools.cycle(np.split(images, 2))
    assert len(predicted(model, endless, steps=3)) == 6


@pytest.mark.tensorflow
def test_tf_data_of_any_length(images):
    import tensorflow as tf

    model = Reinhard()
    data = tf.data.Dataset.from_tensor_slices(images).batch(2)
    wanted = predicted(model, images)
    for source, steps in (
        (data, None),
        (data.filter(lambda batch: True), None),  # of a length that is not known
        (data.repeat(), 2),
    ):
        assert_equal_to_rounding(predicted(model, source, steps=steps), wanted)
    with pytest.raises(RefinezooError, match="repeats forever. Give steps"):
        predicted(model, data.repeat())


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 8, 8, 1), "uint8"), np.full((1, 8, 8, 3), 0.5), "render.png", []]
)
def test_what_would_be_misread_is_refused(wrong):
    with pytest.raises(RefinezooError, match="expected uint8 RGB images"):
        predicted(Reinhard(), wrong)


@pytest.mark.once
@pytest.mark.parametrize("cls", [Reinhard, FDA])
def test_baselines_compile_to_nothing_and_say_that_they_adapt(cls, images):
    model = cls()
    model.compile()
    with pytest.raises(RefinezooError, match=f"received {cls.__name__}.*Call adapt"):
        model.fit(images)
