"""Keras' own layers do what tensorflow-addons did, against outputs of addons 0.23 (TF 2.15.1)."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from refinezoo.layers import InstanceNormalization

GOLDEN = np.load(Path(__file__).parent / "data" / "tfa_golden.npz")


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.GroupNormalization(groups=-1, epsilon=float(GOLDEN["in_epsilon"])),
        InstanceNormalization(epsilon=float(GOLDEN["in_epsilon"]), affine=True),
    ],
)
def test_instance_normalization(layer):
    layer.build(GOLDEN["in_x"].shape)
    layer.gamma.assign(GOLDEN["in_gamma"])
    layer.beta.assign(GOLDEN["in_beta"])
    np.testing.assert_allclose(np.asarray(layer(GOLDEN["in_x"])), GOLDEN["in_y"], atol=2e-6)


@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral_normalization(iterations):
    inner = keras.layers.Conv2D(5, 3, use_bias=False)
    layer = keras.layers.SpectralNormalization(inner, power_iterations=iterations)
    layer.build(GOLDEN["sn_x"].shape)
    inner.kernel.assign(GOLDEN["sn_k"])
    layer.vector_u.assign(GOLDEN["sn_u"])
    found = np.asarray(layer(GOLDEN["sn_x"], training=True))
    np.testing.assert_allclose(found, GOLDEN[f"sn{iterations}_y1"], atol=1e-5)
    np.testing.assert_allclose(np.asarray(inner.kernel), GOLDEN[f"sn{iterations}_k1"], atol=1e-5)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_translate_is_affine_transform(interpolation):
    transforms = np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0], "float32"), (2, 1))
    transforms[:, 2], transforms[:, 5] = -GOLDEN["tr"][:, 0], -GOLDEN["tr"][:, 1]
    moved = ops.image.affine_transform(
        GOLDEN["img"], transforms, interpolation=interpolation, fill_mode="constant", fill_value=7.0
    )
    expected = GOLDEN[f"translate_{interpolation}_constant"]
    np.testing.assert_allclose(np.asarray(moved), expected, atol=1e-3)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.5, 1.5)])
def test_focal_loss_is_keras_times_the_number_of_classes(alpha, gamma):
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=alpha, gamma=gamma, from_logits=True, reduction=None
    )
    found = np.asarray(loss(GOLDEN["yt"], GOLDEN["lo"])) * GOLDEN["yt"].shape[-1]
    np.testing.assert_allclose(found, GOLDEN[f"focal_logits_{alpha}_{gamma}"], atol=1e-5)
