"""Golden parameter counts and shapes of the networks of Zhu et al. 2017 (arXiv 1703.10593)."""

import keras
import numpy as np
import pytest
from compiled import compiled

from refinezoo.networks import patch_discriminator, resnet_generator


@pytest.mark.once
@pytest.mark.parametrize(
    ("blocks", "upsampling", "count"),
    [(9, "deconv", 11_378_179), (6, "deconv", 7_837_699), (9, "resize", 11_378_179)],
)
def test_generator_has_the_published_parameters(blocks, upsampling, count):
    network = resnet_generator(blocks=blocks, upsampling=upsampling)
    assert sum(int(np.prod(v.shape)) for v in network.trainable_variables) == count
    assert network.count_params() == count


@pytest.mark.once
def test_discriminator_has_the_published_parameters_and_map():
    network = patch_discriminator()
    assert network.count_params() == 2_764_737
    assert tuple(network.compute_output_shape((1, 256, 256, 3))) == (1, 30, 30, 1)
    small = patch_discriminator(width=2)
    assert tuple(small(np.zeros((1, 64, 64, 3), "float32")).shape) == (1, 6, 6, 1)


@pytest.mark.once
def test_layer_shapes_of_the_paper():
    network = resnet_generator()
    kernels = [tuple(layer.kernel.shape) for layer in network.layers if hasattr(layer, "kernel")]
    assert kernels[:3] == [(7, 7, 3, 64), (3, 3, 64, 128), (3, 3, 128, 256)]
    assert kernels[3:21] == [(3, 3, 256, 256)] * 18
    assert kernels[21:] == [(3, 3, 128, 256), (3, 3, 64, 128), (7, 7, 64, 3)]
    assert all(layer.use_bias for layer in network.layers if hasattr(layer, "kernel"))


@pytest.mark.parametrize("upsampling", ["deconv", "resize"])
@pytest.mark.parametrize("residual", [pytest.param(False, marks=pytest.mark.once), True])
def test_generator_keeps_size_and_range(upsampling, residual, rng):
    network = resnet_generator(width=4, blocks=1, upsampling=upsampling, residual=residual)
    images = rng.uniform(-1, 1, (1, 24, 36, 3)).astype("float32")
    refined = np.asarray(compiled(network)(images))
    assert refined.shape == images.shape
    assert np.abs(refined).max() <= 1.0
    if residual:  # training starts from the unchanged image
        np.testing.assert_allclose(refined, images, atol=0.0201)


@pytest.mark.once
def test_equal_shaped_kernels_start_different():
    network = resnet_generator(width=4, blocks=2)
    same = [v for v in network.trainable_variables if tuple(v.shape) == (3, 3, 16, 16)]
    assert np.abs(np.asarray(same[0]) - np.asarray(same[1])).max() > 0


@pytest.mark.once
def test_training_and_inference_agree(rng):
    network = resnet_generator(width=4, blocks=1)
    images = rng.uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    trained, refined = (np.asarray(network(images, training=mode)) for mode in (True, False))
    np.testing.assert_allclose(trained, refined, atol=1e-4)  # the last layer sums in another order


@pytest.mark.once
def test_unknown_upsampling_is_refused():
    with pytest.raises(ValueError, match="'deconv' or 'resize'"):
        resnet_generator(upsampling="bilinear")


@pytest.mark.once
def test_networks_serialise(tmp_path):
    network = resnet_generator(width=2, blocks=1, upsampling="resize", residual=True)
    network.save(tmp_path / "g.keras")
    assert keras.saving.load_model(tmp_path / "g.keras").count_params() == network.count_params()
