"""The losses of a two-stage detector against loops over anchors and regions."""

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.losses.rpn import region_loss, rpn_loss

region_loss, rpn_loss = map(compiled, (region_loss, rpn_loss))


def smooth(difference, sigma):
    size = np.abs(difference)
    near = size < 1 / sigma**2
    return np.where(near, 0.5 * (sigma * difference) ** 2, size - 0.5 / sigma**2).sum()


def cross_entropy(logits, label):
    return np.log(np.exp(logits).sum()) - logits[label]


@pytest.mark.parametrize("kind", ["anchors", "regions"])
def test_equals_the_loop(kind, rng):
    classes = 2 if kind == "anchors" else 4
    labels = rng.integers(-1, classes, (3, 40))
    labels[2, :] = -1  # an image without a sample adds nothing
    labels[1, labels[1] > 0] = 0  # one without an object has no regression
    targets = rng.normal(size=(3, 40, 4))
    logits = rng.normal(size=(3, 40, classes))
    offsets = rng.normal(size=(3, 40, 4 if kind == "anchors" else 4 * classes))
    wanted = np.zeros(2)
    for image in range(3):
        count = max(1, (labels[image] >= 0).sum())
        for place, label in enumerate(labels[image]):
            if label < 0:
                continue
            wanted[0] += cross_entropy(logits[image, place], label) / count / 3
            if label > 0:
                mine = offsets[image, place]
                mine = mine if kind == "anchors" else mine[4 * label : 4 * label + 4]
                sigma = 3 if kind == "anchors" else 1
                wanted[1] += smooth(mine - targets[image, place], sigma) / count / 3
    loss = rpn_loss if kind == "anchors" else region_loss
    labels = labels.astype("float32" if kind == "anchors" else "int32")
    arrays = (labels, *(a.astype("float32") for a in (targets, logits, offsets)))
    found = [float(ops.convert_to_numpy(part)) for part in loss(*arrays)]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_smooth_l1_of_anchors_turns_linear_at_a_ninth():
    labels = np.ones((1, 1), "float32")
    zeros = np.zeros((1, 1, 4), "float32")
    for difference, wanted in ((0.1, 4.5 * 0.01), (0.5, 0.5 - 1 / 18)):
        offsets = zeros.copy()
        offsets[0, 0, 2] = difference
        _, regression = rpn_loss(labels, zeros, zeros[..., :2], offsets)
        assert float(regression) == pytest.approx(wanted, rel=1e-5)


def test_half_precision_is_summed_in_full(rng):
    labels = np.zeros((1, 5000), "float32")
    logits = ops.cast(np.tile([1.0, 0.0], (1, 5000, 1)), "bfloat16")
    zeros = ops.cast(np.zeros((1, 5000, 4)), "bfloat16")
    classification, _ = rpn_loss(labels, np.zeros((1, 5000, 4), "float32"), logits, zeros)
    assert keras.backend.standardize_dtype(classification.dtype) == "float32"
    assert float(classification) == pytest.approx(np.log(1 + np.exp(-1)), rel=1e-4)
