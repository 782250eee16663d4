"""The projected discriminator's networks: shapes, what is frozen, what is random."""

import keras
import numpy as np
import pytest
from compiled import compiled

from refinezoo.errors import RefinezooError
from refinezoo.networks.projected import projected_features, projected_heads


@pytest.mark.parametrize("size", [(64, 64), (100, 76)])
def test_maps_are_twice_as_fine_as_the_backbones(toy_backbone, size, rng):
    features = projected_features(toy_backbone(), taps=3)
    images = rng.uniform(-1, 1, (1, *size, 3)).astype("float32")
    maps = [np.asarray(x) for x in compiled(features)(images)]
    cells = [tuple(-(-side // stride) for side in size) for stride in (4, 8, 16)]
    assert [x.shape[1:3] for x in maps] == [(2 * h, 2 * w) for h, w in cells]
    assert [x.shape[3] for x in maps] == [64, 64, 128]
    heads = compiled(projected_heads(features, width=8))
    logits = [np.asarray(x) for x in heads(maps)]
    assert [x.shape for x in logits] == [(1, h - 3, w - 3, 1) for h, w in cells]


def test_mixing_is_that_of_the_paper(toy_backbone, rng):
    """1x1 convolutions after the enlargement, as published, give the same."""
    backbone = toy_backbone()
    features = projected_features(backbone, taps=2, seed=4)
    images = rng.uniform(-1, 1, (1, 32, 32, 3)).astype("float32")
    c0, c1 = (np.asarray(x) for x in backbone(images)[:2])
    random = np.random.default_rng(4)

    def draw(inputs, filters):
        bound = inputs**-0.5
        return random.uniform(-bound, bound, (1, 1, inputs, filters)).astype("float32")[0, 0]

    up = keras.layers.UpSampling2D(2, interpolation="bilinear")
    c0, c1 = c0 @ draw(8, 64), c1 @ draw(12, 128)
    t1 = np.asarray(up(c1)) @ draw(128, 64)
    t0 = np.asarray(up(t1 + c0)) @ draw(64, 64)
    found = features(images)
    np.testing.assert_allclose(np.asarray(found[1]), t1, atol=1e-4)
    np.testing.assert_allclose(np.asarray(found[0]), t0, atol=1e-4)


def test_nothing_trains_and_seeds_decide(toy_backbone):
    backbone = toy_backbone()
    features = projected_features(backbone, seed=1)
    assert not features.trainable_variables and not backbone.trainable_variables
    own = [w for w in features.get_weights() if w.shape[:2] == (1, 1)]
    twin = [w for w in projected_features(backbone, seed=1).get_weights() if w.shape[:2] == (1, 1)]
    other = [w for w in projected_features(backbone, seed=2).get_weights() if w.shape[:2] == (1, 1)]
    assert len(own) == 6
    assert all(np.array_equal(a, b) for a, b in zip(own, twin, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(own, other, strict=True))


def test_images_of_one_colour_have_finite_logits(toy_backbone):
    features = projected_features(toy_backbone())
    logits = projected_heads(features, width=8)(features(np.zeros((1, 64, 64, 3), "float32")))
    assert all(np.isfinite(np.asarray(x)).all() for x in logits)


def test_more_taps_than_maps_are_refused(toy_backbone):
    with pytest.raises(RefinezooError, match="taps from 1 to 4"):
        projected_features(toy_backbone(), taps=5)
