"""What a model starts from while it is read from a file."""

import keras
import numpy as np
import pytest
from keras.src.initializers import random_initializers

import refinezoo
from refinezoo.models.draws import drawn_by_numpy

SHAPE = (3, 3, 40, 50)
INITIALIZERS = ["RandomNormal", "TruncatedNormal", "RandomUniform", "HeNormal", "GlorotUniform"]


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_distributions_are_those_of_keras(name):
    initializer = getattr(keras.initializers, name)(seed=3)
    with drawn_by_numpy():
        ours, again = (np.array(initializer(SHAPE, "float32")) for _ in range(2))
    kerass = np.array(initializer(SHAPE, "float32"))
    np.testing.assert_array_equal(ours, again)
    assert not np.array_equal(ours, kerass)
    shares = np.linspace(0.01, 0.99, 9)
    spread = kerass.std()
    np.testing.assert_allclose(
        np.quantile(ours, shares), np.quantile(kerass, shares), atol=0.1 * spread
    )
    assert np.abs(ours).max() < 1.2 * np.abs(kerass).max()


@pytest.mark.parametrize("seed", [-1, keras.random.SeedGenerator(3)], ids=["negative", "generator"])
def test_every_seed_of_keras_is_one(seed):
    initializer = keras.initializers.HeNormal(seed=seed)
    with drawn_by_numpy():
        first, second = (np.array(initializer(SHAPE, "float32")) for _ in range(2))
    assert np.array_equal(first, second) == isinstance(seed, int)


def test_the_backend_draws_no_weight_of_a_model_that_is_read(monkeypatch):
    def refused(*args, **options):
        raise AssertionError("drawn by the backend")

    for name in ("normal", "uniform", "truncated_normal"):
        monkeypatch.setattr(random_initializers.random, name, refused)
    model = refinezoo.load("cyclegan")
    for weight in model.discriminator_real.trainable_weights:
        if len(weight.shape) == 4:
            fan_in = np.prod(weight.shape[:-1])
            assert 0.5 < np.std(np.array(weight)) / np.sqrt(2 / fan_in) < 2
    with pytest.raises(AssertionError, match="by the backend"):
        keras.layers.Dense(2).build((None, 2))
