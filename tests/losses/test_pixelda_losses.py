"""Losses of PixelDA against brute force, and the properties that its text claims."""

import itertools

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.losses import similarity, task
from refinezoo.losses.adversarial import gan_discriminator_loss, gan_generator_loss
from refinezoo.losses.similarity import masked_pairwise_mse


@pytest.fixture
def pair(rng):
    images, reference = rng.uniform(-1, 1, (2, 3, 4, 5, 2)).astype("float32")
    mask = (rng.uniform(size=(3, 4, 5, 1)) < 0.4).astype("float32")
    return images, reference, mask


def test_pairwise_mse_is_half_the_mean_over_all_pairs(pair):
    images, reference, mask = pair
    expected = []
    for image, other, m in zip(images, reference, mask, strict=True):
        d = ((image - other) * m).ravel()
        expected.append(np.mean([(a - b) ** 2 / 2 for a, b in itertools.product(d, d)]))
    assert float(masked_pairwise_mse(images, reference, mask)) == pytest.approx(
        np.mean(expected), rel=1e-5
    )
    everywhere = float(masked_pairwise_mse(images, reference))
    assert everywhere == pytest.approx(np.mean(np.var(images - reference, axis=(1, 2, 3))))


def test_pairwise_mse_normalised_by_the_mask_counts_the_object_alone(pair):
    images, reference, mask = pair
    expected = [
        np.var((image - other)[m[..., 0] > 0])
        for image, other, m in zip(images, reference, mask, strict=True)
    ]
    value = float(masked_pairwise_mse(images, reference, mask, normalise_by="mask"))
    assert value == pytest.approx(np.mean(expected), rel=1e-5)


def test_shifting_the_object_costs_nothing_by_mask_and_c2_f_minus_f2_by_image(pair):
    _, reference, mask = pair
    shifted = reference + 0.3 * mask
    fraction = mask.mean(axis=(1, 2, 3))
    by_mask = float(masked_pairwise_mse(shifted, reference, mask, normalise_by="mask"))
    assert by_mask == pytest.approx(0.0, abs=1e-6)
    by_image = float(masked_pairwise_mse(shifted, reference, mask))
    assert by_image == pytest.approx(np.mean(0.09 * (fraction - fraction**2)), rel=1e-4)


def test_uneven_change_costs_and_the_background_never_does(pair, rng):
    images, reference, mask = pair
    offsets = rng.permutation(np.linspace(-0.3, 0.3, mask[0].size)).reshape(mask[0].shape)
    uneven = reference + offsets.astype("float32") * mask
    assert float(masked_pairwise_mse(uneven, reference, mask, normalise_by="mask")) > 1e-3
    background = reference + (1.0 - mask) * images
    for k in ("image", "mask"):
        assert float(masked_pairwise_mse(background, reference, mask, normalise_by=k)) == 0.0
    empty = np.zeros_like(mask)
    assert float(masked_pairwise_mse(images, reference, empty, normalise_by="mask")) == 0.0
    with pytest.raises(RefinezooError, match="'image' or 'mask'"):
        masked_pairwise_mse(images, reference, mask, normalise_by="area")


def test_other_similarities(pair):
    images, reference, _ = pair
    d = images - reference
    assert float(similarity.mse_loss(images, reference)) == pytest.approx(np.mean(d**2), rel=1e-5)
    assert float(similarity.hinged_mse_loss(images, reference)) == pytest.approx(
        np.mean(np.maximum(0, d**2 - 0.4)), rel=1e-5
    )
    assert float(similarity.hinged_mae_loss(images, reference)) == pytest.approx(
        np.mean(np.maximum(0, np.abs(d) - 0.4)), rel=1e-5
    )
    with pytest.raises(RefinezooError, match="Did you mean 'masked_mpse'"):
        similarity.check_similarity("maskd_mpse")


def test_gan_losses_are_cross_entropies(rng):
    real, fake = rng.normal(0, 2, (2, 6, 1)).astype("float32")

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    expected = -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1 - sigmoid(fake)))
    assert float(gan_discriminator_loss(real, fake)) == pytest.approx(expected, rel=1e-5)
    expected = -np.mean(np.log(sigmoid(fake)))
    assert float(gan_generator_loss(fake)) == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(float(gan_generator_loss(np.float32([[-200.0]]))))


def test_class_loss_is_the_mean_cross_entropy(rng):
    logits, labels = rng.normal(size=(5, 3)).astype("float32"), np.array([0, 1, 2, 2, 0])
    likelihood = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.mean(np.log(likelihood[np.arange(5), labels]))
    assert float(task.class_loss(labels, logits)) == pytest.approx(expected, rel=1e-5)


def test_quaternion_loss(rng):
    q, other = rng.normal(size=(2, 6, 4))
    q, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (q, other))
    expected = np.mean(np.log(1e-4 + 1 - np.abs(np.sum(q * other, axis=1))))
    assert float(task.quaternion_loss(q, other)) == pytest.approx(expected, rel=1e-4)
    assert float(task.quaternion_loss(q, -other)) == pytest.approx(expected, rel=1e-4)
    assert float(task.quaternion_loss(q, q)) == pytest.approx(np.log(1e-4), abs=0.01)
    assert float(task.QuaternionLoss()(q, other)) == pytest.approx(expected, rel=1e-4)
