"""Golden parameter counts and shapes of the networks of Zheng et al. 2018 (arXiv 1808.01454)."""

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.networks.depth_unet import depth_unet
from refinezoo.networks.t2net_discriminators import (
    t2net_feature_discriminator,
    t2net_image_discriminator,
)
from refinezoo.networks.t2net_translator import t2net_translator


@pytest.fixture
def unfilled(monkeypatch):
    """Kernels start as zeros: 126 million draws would take a minute."""
    monkeypatch.setattr(
        keras.initializers.VarianceScaling,
        "__call__",
        lambda self, shape, dtype=None, **kwargs: ops.zeros(shape, dtype),
    )


def trainable(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


@pytest.mark.once
@pytest.mark.parametrize(
    ("settings", "count"), [({}, 3_121_220), ({"downsamplings": 1, "blocks": 5}, 1_791_684)]
)
def test_translator_of_both_configurations(unfilled, settings, count):
    network = t2net_translator(**settings)
    assert trainable(network) == count
    assert network.compute_output_shape((1, 192, 640, 3)) == (1, 192, 640, 3)
    assert len([v for v in network.variables if "prelu" in v.path]) == 1
    with pytest.raises(ValueError, match="1 or 2"):
        t2net_translator(downsamplings=3)


def test_a_residual_translator_starts_as_the_identity():
    network = t2net_translator(width=2, blocks=1, residual=True)
    images = np.random.default_rng(0).uniform(-0.95, 0.95, (1, 8, 12, 3)).astype("float32")
    np.testing.assert_allclose(np.asarray(compiled(network)(images)), images, atol=1e-5)


@pytest.mark.once
def test_depth_unet_has_the_published_parameters_and_shapes(unfilled):
    network = depth_unet()
    assert trainable(network) == 54_564_676
    shapes = network.compute_output_shape((1, 192, 640, 3))
    assert [tuple(shape) for shape in shapes] == [
        (1, 12, 40, 512),
        (1, 24, 80, 1),
        (1, 48, 160, 1),
        (1, 96, 320, 1),
        (1, 192, 640, 1),
    ]
    dilations = [
        layer.dilation_rate for layer in network.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    assert [d[0] for d in dilations if d != (1, 1)] == [3, 5] * 3
    skips = [layer.scale for layer in network.layers if isinstance(layer, keras.layers.Rescaling)]
    assert skips == pytest.approx([0.1, 0.05, 0.01])
    with pytest.raises(ValueError, match="width >= 2"):
        depth_unet(width=1)


@pytest.mark.once
def test_discriminators(unfilled):
    image = t2net_image_discriminator()
    assert trainable(image) == 2_765_570
    assert tuple(image.compute_output_shape((1, 256, 256, 3))) == (1, 30, 30, 1)
    clipped = t2net_feature_discriminator(cells=(12, 40))
    assert trainable(clipped) == 126_092_802
    assert tuple(clipped.compute_output_shape((3, 12, 40, 512))) == (3, 1, 1, 1)
    free = t2net_feature_discriminator()
    for height, width in ((12, 40), (6, 8)):
        assert tuple(free.compute_output_shape((3, height, width, 512))) == (3, 1, 1, 1)


@pytest.mark.once
def test_one_slope_serves_all_layers_and_starts_at_a_quarter():
    network = t2net_image_discriminator(width=2)
    slopes = [v for v in network.trainable_variables if "prelu" in v.path]
    assert [float(np.asarray(v).squeeze()) for v in slopes] == [0.25]
    gammas = np.concatenate([np.asarray(v) for v in network.variables if "gamma" in v.path])
    assert abs(gammas.mean() - 1.0) < 0.02 and 0.005 < gammas.std() < 0.04
