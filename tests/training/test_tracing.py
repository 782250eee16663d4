"""What TensorFlow makes of a training step before it takes the first."""

import numpy as np
import pytest


@pytest.mark.tensorflow
def test_a_step_is_traced_once(tiny_class, monkeypatch):
    traced, step = [], tiny_class.train_step
    monkeypatch.setattr(tiny_class, "train_step", lambda *args: traced.append(1) or step(*args))
    model = tiny_class()
    model.compile("adam", loss="mse")
    images = np.zeros((4, 8, 8, 3), "float32")
    model.fit(images, images, batch_size=2, epochs=2, verbose=0)
    assert len(traced) == 1 and int(model.optimizer.iterations) == 4
