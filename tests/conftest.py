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
    """Two small pictures, uint8 [2, 32, 32, 3]: smooth, so that colours and edges mean something."""
    ramp = np.linspace(0, 1, 32)
    base = ramp[None, :, None, None] * ramp[None, None, :, None]
    tint = rng.uniform(60, 250, (2, 1, 1, 3))
    return (base * tint + rng.uniform(0, 5, (2, 32, 32, 3))).astype(np.uint8)
