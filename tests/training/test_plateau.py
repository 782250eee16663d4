import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.training import Plateau


@pytest.fixture
def model():
    """A model whose step count the test sets itself."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    return model


def rates(model, callback, losses, steps=10):
    """The learning rate after each epoch of that many steps with these losses."""
    callback.set_model(model)
    callback.on_train_begin()
    found = []
    for epoch, loss in enumerate(losses):
        model.optimizer.iterations.assign((epoch + 1) * steps)
        logs = {"loss": loss}
        callback.on_epoch_end(epoch, logs)
        found.append(logs["learning_rate"])
    return found


@pytest.mark.once
def test_the_rate_falls_once_for_each_window_without_a_new_minimum(model):
    # Best at step 10; 20 steps later the first fall, 30 later the second, and no window is left.
    found = rates(model, Plateau(windows=(20, 30)), [1.0, *[1.5] * 12])
    np.testing.assert_allclose(found, [1, 1, 0.1, 0.1, 0.1, *[0.01] * 8], rtol=1e-5)


@pytest.mark.once
def test_a_new_minimum_starts_the_window_again(model):
    found = rates(model, Plateau(windows=(20, 20), factor=0.5), [3, 4, 2, 4, 1, 1, 4, 0.5])
    np.testing.assert_allclose(found, [1, 1, 1, 1, 1, 1, 0.5, 0.5])


def test_it_works_in_fit(model):
    x, y = np.zeros((4, 1), "float32"), np.ones((4, 1), "float32")
    model.compile(keras.optimizers.SGD(0.0), loss="mse")  # a rate of 0 learns nothing
    callback = Plateau(windows=(2, 2))
    history = model.fit(x, y, batch_size=4, epochs=6, verbose=0, callbacks=[callback])
    assert callback.falls == 2 and len(history.history["learning_rate"]) == 6


@pytest.mark.once
def test_mistakes_are_worded(model):
    for windows in ((), (5, 0)):
        with pytest.raises(RefinezooError, match="expected windows"):
            Plateau(windows=windows)
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(keras.optimizers.SGD(schedule), loss="mse")
    with pytest.raises(RefinezooError, match="constant learning rate.*Use one of the two"):
        rates(model, Plateau(), [1.0])
