"""Every loss against brute-force NumPy, and the properties that pin it down."""

import colorsys

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.losses.adversarial import (
    hinge_discriminator_loss,
    hinge_generator_loss,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
)
from refinezoo.losses.colour import hue_and_chroma, hue_loss
from refinezoo.losses.cycle import l1_loss, masked_l1_loss
from refinezoo.losses.perceptual import perceptual_loss

hinge_discriminator_loss = compiled(hinge_discriminator_loss)
hinge_generator_loss = compiled(hinge_generator_loss)
hue_and_chroma, masked_l1_loss = map(compiled, (hue_and_chroma, masked_l1_loss))
perceptual_loss = compiled(perceptual_loss)


def test_lsgan(rng):
    real, fake = rng.normal(size=(2, 2, 5, 5, 1)).astype("float32")
    assert float(lsgan_generator_loss(fake)) == pytest.approx(np.mean((fake - 1) ** 2), rel=1e-5)
    expected = 0.5 * (np.mean((real - 1) ** 2) + np.mean(fake**2))
    assert float(lsgan_discriminator_loss(real, fake)) == pytest.approx(expected, rel=1e-5)


def test_hinge_with_and_without_weights(rng):
    real, fake = rng.normal(0, 2, size=(2, 2, 5, 5, 1)).astype("float32")
    w, v = rng.uniform(size=(2, 2, 5, 5, 1)).astype("float32")
    expected = np.maximum(1 - real, 0).mean() + np.maximum(1 + fake, 0).mean()
    assert float(hinge_discriminator_loss(real, fake)) == pytest.approx(expected, rel=1e-5)
    assert float(hinge_generator_loss(fake)) == pytest.approx(-fake.mean(), rel=1e-4)
    expected = (np.maximum(1 - real, 0) * w).sum() / w.sum()
    expected += (np.maximum(1 + fake, 0) * v).sum() / v.sum()
    assert float(hinge_discriminator_loss(real, fake, w, v)) == pytest.approx(expected, rel=1e-5)
    expected = -(fake * v).sum() / v.sum()
    assert float(hinge_generator_loss(fake, v)) == pytest.approx(expected, rel=1e-4)
    # Objects on one side only cannot be compared.
    assert float(hinge_discriminator_loss(real, fake, 0 * w, v)) == 0.0
    assert float(hinge_discriminator_loss(real, fake, w, 0 * v)) == 0.0
    assert float(hinge_generator_loss(fake, 0 * v)) == 0.0


def test_perceptual_loss_compares_directions_of_features(rng):
    maps = [rng.normal(size=(2, n, n, c)).astype("float32") for n, c in ((6, 4), (3, 8))]
    others = [rng.normal(size=x.shape).astype("float32") for x in maps]
    expected = []
    for x, y in zip(maps, others, strict=True):
        for f, g in zip(x.reshape(-1, x.shape[-1]), y.reshape(-1, x.shape[-1]), strict=True):
            cosine = f @ g / np.linalg.norm(f) / np.linalg.norm(g)
            expected.append((2 - 2 * cosine) / (2 * x.shape[1] ** 2 * 2))
    assert float(perceptual_loss(maps, others)) == pytest.approx(sum(expected), rel=1e-4)
    assert float(perceptual_loss(maps, [3 * x for x in maps])) == pytest.approx(0.0, abs=1e-5)
    blank = [0 * x for x in maps]
    assert float(perceptual_loss(blank, blank)) == 0.0


def test_masked_l1_is_normalised_by_area(rng):
    a, b = rng.uniform(-1, 1, (2, 2, 6, 6, 3)).astype("float32")
    mask = (rng.uniform(size=(2, 6, 6, 1)) > 0.6).astype("float32")
    chosen = np.broadcast_to(mask, a.shape) > 0
    expected = np.abs(a - b)[chosen].mean()
    assert float(masked_l1_loss(a, b, mask)) == pytest.approx(expected, rel=1e-5)
    assert float(masked_l1_loss(a, b, np.ones_like(mask))) == pytest.approx(
        float(l1_loss(a, b)), rel=1e-6
    )
    assert float(masked_l1_loss(a, b, np.zeros_like(mask))) == 0.0


def test_hue_equals_colorsys(rng):
    rgb = rng.uniform(0, 1, (1, 8, 8, 3))
    hue, chroma = hue_and_chroma((rgb * 2 - 1).astype("float32"))
    for y, x in np.ndindex(8, 8):
        expected, saturation, value = colorsys.rgb_to_hsv(*rgb[0, y, x])
        if saturation * value > 0.05:
            assert float(hue[0, y, x, 0]) == pytest.approx(expected, abs=1e-4)
        assert float(chroma[0, y, x, 0]) == pytest.approx(saturation * value, abs=1e-5)


def image_of(hue, saturation=1.0):
    rgb = np.array(colorsys.hsv_to_rgb(hue, saturation, 1.0), "float32")
    return np.broadcast_to(rgb * 2 - 1, (1, 4, 4, 3)).astype("float32")


def test_hue_distance_of_two_reds():
    mask = np.ones((1, 4, 4, 1), "float32")
    near, far = image_of(0.99), image_of(0.01)
    assert float(hue_loss(near, far, mask)) == pytest.approx(0.02, abs=1e-4)
    assert float(hue_loss(near, far, mask, "linear")) == pytest.approx(0.98, abs=1e-4)
    assert float(hue_loss(near, far, 0 * mask)) == 0.0
    with pytest.raises(ValueError, match="'circular' or 'linear'"):
        hue_loss(near, far, mask, "round")


@pytest.mark.parametrize("colour", [0.0, -1.0, 1.0])
def test_grey_pixels_have_a_finite_zero_gradient(colour):
    """The gradient at greys, through a one-weight model, on every backend."""
    scale = keras.layers.Dense(3, kernel_initializer="identity", use_bias=False)
    grey = np.full((1, 4, 4, 3), colour, "float32")
    mask = np.ones((1, 4, 4, 1), "float32")

    class Probe(keras.Model):
        def __init__(self):
            super().__init__()
            self.scale = scale

        def call(self, x):
            return self.scale(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return hue_loss(y_pred, ops.convert_to_tensor(grey), mask)

    probe = Probe()
    probe.compile(optimizer=keras.optimizers.SGD(1.0))
    probe.train_on_batch(grey, grey)
    np.testing.assert_array_equal(np.asarray(scale.kernel), np.eye(3))
