"""What a model starts from: drawn by NumPy where the backend would be slow."""

import keras
import numpy as np
import pytest
from keras.src.initializers import random_initializers

import refinezoo
from refinezoo.models.draws import drawn_by_numpy

SHAPE = (3, 3, 40, 50)
INITIALIZERS = ["RandomNormal", "TruncatedNormal", "RandomUniform", "HeNormal", "GlorotUniform"]


@pytest.mark.once
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


@pytest.fixture
def the_backend_draws_nothing(monkeypatch):
    def refused(*args, **options):
        raise AssertionError("drawn by the backend")

    for name in ("normal", "uniform", "truncated_normal"):
        monkeypatch.setattr(random_initializers.random, name, refused)


@pytest.mark.usefixtures("the_backend_draws_nothing")
def test_the_backend_draws_no_weight_of_a_model_that_is_read():
    model = refinezoo.load("cyclegan")
    for weight in model.discriminator_real.trainable_weights:
        if len(weight.shape) == 4:
            fan_in = np.prod(weight.shape[:-1])
            assert 0.5 < np.std(np.array(weight)) / np.sqrt(2 / fan_in) < 2
    with pytest.raises(AssertionError, match="by the backend"):
        keras.layers.Dense(2).build((None, 2))


def made(seed):
    keras.utils.set_random_seed(seed)
    judge = {"taps": 1, "cutout": 0.0}
    model = refinezoo.refiners.CycleGAN(
        image_size=32, width=4, blocks=1, discriminator="both", judge=judge
    )
    model.compile()
    return model


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="others draw as fast as NumPy")
@pytest.mark.usefixtures("the_backend_draws_nothing")
def test_on_jax_it_draws_none_of_a_model_that_is_made_and_compiled():
    weights, again, other = (
        [np.array(weight) for weight in made(seed).trainable_weights] for seed in (1, 1, 2)
    )
    for weight, same, drawn_anew in zip(weights, again, other, strict=True):
        np.testing.assert_array_equal(weight, same)
        assert np.ptp(weight) == 0 or not np.array_equal(weight, drawn_anew)
