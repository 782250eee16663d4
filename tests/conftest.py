"""Settings that every test shares: quiet, seeded, and on one thread a worker."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402


def pytest_collection_modifyitems(items):
    """Skips tests marked `tensorflow` when another backend is chosen."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        return
    skip = pytest.mark.skip(reason=f"needs the TensorFlow backend, this is {backend}")
    for item in items:
        if item.get_closest_marker("tensorflow"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _seed_numpy():
    np.random.seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator for test data."""
    return np.random.default_rng(0)


@pytest.fixture
def images(rng) -> np.ndarray:
    """Two small pictures, uint8 [2, 32, 32, 3]: smooth, each with its own tint."""
    ramp = np.linspace(0, 1, 32)
    base = ramp[None, :, None, None] * ramp[None, None, :, None]
    tint = rng.uniform(60, 250, (2, 1, 1, 3))
    return (base * tint + rng.uniform(0, 5, (2, 32, 32, 3))).astype(np.uint8)


@pytest.fixture
def tiny_class(monkeypatch):
    """A registered model class with a network of two layers: `Tiny(filters=4)`."""
    import keras

    from refinezoo.models import registry
    from refinezoo.models.base import Model
    from refinezoo.refiners.kind import REFINER

    class Tiny(Model):
        kind = REFINER

        def __init__(self, *, filters=4, channels=3):
            super().__init__()
            self.filters = filters
            images = keras.Input((None, None, channels))
            hidden = keras.layers.Conv2D(filters, 3, padding="same")(images)
            hidden = keras.layers.BatchNormalization()(hidden)
            outputs = keras.layers.Conv2D(channels, 3, padding="same")(hidden)
            self.inference_network = keras.Model(images, outputs)
            self.built = True

        def call(self, images, training=False):
            return self.inference_network(images, training=training)

    monkeypatch.setitem(registry._REGISTERED, "Tiny", Tiny)
    return Tiny


@pytest.fixture(scope="session")
def toy_depth_unet():
    """A builder with the inputs and outputs of `depth_unet`, of one layer each: compiles fast."""
    import keras
    from keras import layers

    def build(**settings):
        images = keras.Input((None, None, 3))
        features = layers.Conv2D(4, 1)(layers.AveragePooling2D(16)(images))
        maps = [
            layers.Conv2D(1, 1, activation="tanh")(layers.AveragePooling2D(k)(images))
            for k in (8, 4, 2, 1)
        ]
        return keras.Model(images, [features, *maps], name="depth_unet")

    return build
