"""The networks of DeepLab-v2: sizes, dilations, pooling, and the paper's numbers of weights."""

import keras
import numpy as np
import pytest
from compiled import compiled

from refinezoo.errors import RefinezooError
from refinezoo.networks.deeplab_blocks import max_pool
from refinezoo.networks.deeplab_resnet import deeplab_resnet
from refinezoo.networks.deeplab_vgg import deeplab_vgg

K = 21


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.fixture(scope="module")
def resnet():
    return deeplab_resnet(K)


@pytest.fixture(scope="module")
def small():
    return deeplab_resnet(
        4, width_multiplier=0.125, depth_multiplier=0.3, batch_norm=True, rates=(1, 2)
    )


@pytest.mark.once
def test_resnet101_has_the_weights_of_the_published_network(resnet):
    """42,500,160 of convolutions, gamma and beta: torchvision's ResNet-101 without its classifier.

    Of these 2 * 52,672 are gamma and beta, for as many channels: 64 of the stem,
    3 (64 + 64 + 256) + 256, 4 (128 + 128 + 512) + 512, 23 (256 + 256 + 1024) + 1024 and
    3 (512 + 512 + 2048) + 2048 of the stages; as many again are the running statistics.
    """
    channels = 64 + sum(
        blocks * (middle + middle + 4 * middle) + 4 * middle
        for middle, blocks in ((64, 3), (128, 4), (256, 23), (512, 3))
    )
    assert channels == 52_672
    aspp = 4 * (9 * 2048 * K + K)
    assert count(resnet.weights) == 42_500_160 + 2 * channels + aspp
    assert count(resnet.trainable_weights) == 42_500_160 - 2 * channels + aspp  # frozen, as paper
    assert len([layer for layer in resnet.layers if isinstance(layer, keras.layers.Conv2D)]) == (
        1 + 3 * (3 + 4 + 23 + 3) + 4 + 4
    )


@pytest.mark.once
def test_resnet101_strides_and_dilates_where_the_paper_does(resnet):
    def of(name):
        layer = resnet.get_layer(name)
        return layer.strides[0], layer.dilation_rate[0]

    assert of("res2_1_reduce") == (1, 1) and of("res3_1_reduce") == (2, 1)
    assert of("res3_1_shortcut") == (2, 1) and of("res3_1_3x3") == (1, 1)
    assert of("res4_1_3x3") == of("res4_23_3x3") == (1, 2) and of("res4_1_reduce") == (1, 1)
    assert of("res5_1_3x3") == of("res5_3_3x3") == (1, 4)
    rates = [resnet.get_layer(f"aspp_{rate}").dilation_rate for rate in (6, 12, 18, 24)]
    assert rates == [(6, 6), (12, 12), (18, 18), (24, 24)]
    assert resnet.compute_output_shape((2, 321, 321, 3)) == (2, 41, 41, K)


@pytest.mark.once
def test_vgg16_has_the_weights_of_both_papers():
    """13 convolutions: 14,714,688 (VGG16 without its classifier); fc6, fc7 and fc8 come on top."""
    trunk, last = 0, 3
    for filters, layers in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(layers):
            trunk, last = trunk + 9 * last * filters + filters, filters
    assert trunk == 14_714_688
    branch = (9 * 512 * 1024 + 1024) + (1024 * 1024 + 1024) + (1024 * K + K)
    fov = deeplab_vgg(K, rates=(12,), large_fov=True)
    assert count(fov.weights) == trunk + branch == 20_505_429
    assert fov.get_layer("fc6_12").dilation_rate == (12, 12)
    assert fov.get_layer("conv5_2").dilation_rate == (2, 2)
    assert fov.get_layer("pool5_average").pool_size == (3, 3)
    assert fov.compute_output_shape((1, 321, 321, 3)) == (1, 41, 41, K)
    # Four branches would be 37,877,652; the test of rates counts them at a smaller width.


def test_rates_are_branches_whose_logits_are_summed():
    one, two = (
        deeplab_vgg(5, rates=r, width_multiplier=0.0625, dropout=0.0) for r in ((2,), (2, 4))
    )
    branch = (9 * 32 * 64 + 64) + (64 * 64 + 64) + (64 * 5 + 5)
    assert count(two.weights) - count(one.weights) == branch
    images = np.random.default_rng(0).uniform(0, 255, (1, 40, 48, 3)).astype("float32")
    parts = keras.Model(two.input, [two.get_layer(f"fc8_{r}").output for r in (2, 4)])(images)
    np.testing.assert_allclose(
        np.asarray(two(images)), np.asarray(parts[0]) + np.asarray(parts[1]), atol=1e-5
    )


@pytest.mark.once
@pytest.mark.parametrize(("side", "cells"), [(321, 41), (96, 13), (57, 8), (8, 2), (1, 1)])
def test_any_size_gives_an_eighth(small, side, cells):
    assert small.compute_output_shape((1, side, side + 8, 3)) == (1, cells, cells + 1, 4)


def test_an_image_of_one_pixel_passes(small):
    assert compiled(small)(np.zeros((1, 1, 3, 3), "float32")).shape == (1, 1, 1, 4)


@pytest.mark.parametrize("side", [pytest.param(5, marks=pytest.mark.once), 6])
def test_pooling_is_caffes_ceil_mode(rng, side):
    """Maxima over 3 x 3 windows around 0, 2, 4, ...: an even side has a half one at its end."""
    x = rng.uniform(0, 1, (1, side, side, 2)).astype("float32")
    inputs = keras.Input((None, None, 2))
    found = np.asarray(keras.Model(inputs, max_pool(inputs, "pool"))(x))
    cells = side // 2 + 1
    assert found.shape == (1, cells, cells, 2)
    for row, column in np.ndindex(cells, cells):
        window = x[0, max(0, 2 * row - 1) : 2 * row + 2, max(0, 2 * column - 1) : 2 * column + 2]
        expected = window.max((0, 1)) if window.size else 0.0
        np.testing.assert_array_equal(found[0, row, column], expected)


@pytest.mark.once
def test_batch_norm_trains_only_when_asked(small):
    frozen = deeplab_resnet(4, width_multiplier=0.125, depth_multiplier=0.3, rates=(1,))
    assert not any("_bn/" in weight.path for weight in frozen.trainable_weights)
    assert any("_bn/gamma" in weight.path for weight in small.trainable_weights)
    names = [
        weight.path for weight in deeplab_vgg(3, width_multiplier=0.0625, batch_norm=True).weights
    ]
    assert "conv1_1_bn/gamma" in names and "conv1_1/bias" not in names


@pytest.mark.once
@pytest.mark.parametrize("rates", [(), (6, 6), (0, 6), (1.5,)])
def test_rates_that_mean_nothing_are_refused(rates):
    with pytest.raises(RefinezooError, match="different whole numbers"):
        deeplab_vgg(3, rates=rates)
