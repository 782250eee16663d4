"""The generator of light and colour."""

import numpy as np
import pytest
from compiled import compiled

from refinezoo.networks import affine_generator
from refinezoo.networks.affine_generator import LocalAffine


@pytest.fixture(scope="module")
def network():
    return affine_generator(width=4, blocks=1)


def test_it_starts_as_the_identity(network, rng):
    images = rng.uniform(-1, 1, (2, 16, 24, 3)).astype("float32")
    np.testing.assert_allclose(np.asarray(compiled(network)(images)), images, atol=1e-6)
    assert network.count_params() == 112 + 296 + 1168 + 2 * 2320 + 1740


def test_local_affine_against_numpy(rng):
    images = rng.uniform(-0.5, 0.5, (2, 3, 4, 3)).astype("float32")
    maps = rng.uniform(-0.3, 0.3, (2, 3, 4, 12)).astype("float32")
    rows = maps.reshape(2, 3, 4, 3, 4)
    change = np.einsum("bhwij,bhwj->bhwi", rows[..., :3], images) + rows[..., 3]
    wanted = np.clip(images + 0.5 * change, -1, 1)
    np.testing.assert_allclose(np.asarray(LocalAffine(0.5)(images, maps)), wanted, atol=1e-6)


def test_print_stays(network, rng):
    """Where the light is even, two colours that differ stay apart and flat areas stay flat."""
    kernel, bias = [w for w in network.weights if w.shape[-1] == 12]
    bias.assign(rng.uniform(-1, 1, 12))
    image = np.full((1, 64, 64, 3), 0.1, "float32")
    image[:, 24:40, 24:40] = -0.2
    out = np.asarray(compiled(network)(image))
    assert np.ptp(out[0, 25:39, 25:39], axis=(0, 1)).max() < 1e-5
    assert np.abs(out[0, 32, 32] - out[0, 10, 10]).max() > 0.02
