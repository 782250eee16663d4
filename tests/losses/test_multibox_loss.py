import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.losses.detection import MultiboxLoss, multibox_loss

multibox_loss = compiled(multibox_loss)


def brute_force(targets, predictions, ratio=3.0, alpha=1.0):
    """The definition, anchor by anchor."""
    positive_loss, negatives, count = 0.0, [], 0
    for target, prediction in zip(
        targets.reshape(-1, 5), predictions.reshape(-1, predictions.shape[-1]), strict=True
    ):
        label, logits = int(target[0]), prediction[:-4].astype("float64")
        if label < 0:
            continue
        log_p = logits - logits.max()
        log_p = log_p - np.log(np.exp(log_p).sum())
        if label == 0:
            negatives.append(-log_p[0])
            continue
        count += 1
        distance = np.abs(prediction[-4:] - target[1:])
        positive_loss -= log_p[label]
        positive_loss += alpha * np.where(distance < 1, 0.5 * distance**2, distance - 0.5).sum()
    hardest = sorted(negatives, reverse=True)[: int(ratio * count)]
    return (positive_loss + sum(hardest)) / max(1, count)


def _batch(random, images=3, anchors=50, classes=4, positives=0.1):
    label = np.where(
        random.random((images, anchors)) < positives,
        random.integers(1, classes + 1, (images, anchors)),
        0,
    )
    label = np.where(random.random((images, anchors)) < 0.2, -1, label)
    targets = np.concatenate([label[..., None], random.normal(size=(images, anchors, 4))], axis=-1)
    targets[label < 1, 1:] = 0
    predictions = random.normal(0, 2, (images, anchors, classes + 5))
    return targets.astype("float32"), predictions.astype("float32")


@pytest.mark.parametrize("positives", [0.02, 0.1, 0.6])
def test_equals_the_definition(positives):
    targets, predictions = _batch(np.random.default_rng(3), positives=positives)
    value = ops.convert_to_numpy(multibox_loss(targets, predictions))
    np.testing.assert_allclose(value, brute_force(targets, predictions), rtol=1e-5)


def test_ties_among_negatives_are_not_counted_twice():
    targets, predictions = _batch(np.random.default_rng(4))
    predictions[..., :-4] = 0
    value = ops.convert_to_numpy(multibox_loss(targets, predictions))
    np.testing.assert_allclose(value, brute_force(targets, predictions), rtol=1e-5)


def test_without_objects_the_loss_is_zero_and_finite():
    targets, predictions = _batch(np.random.default_rng(5), positives=0.0)
    assert float(multibox_loss(targets, predictions)) == 0.0


def test_ignored_anchors_change_nothing():
    targets, predictions = _batch(np.random.default_rng(6))
    ignored = targets[..., 0] < 0
    assert ignored.any()
    other = predictions.copy()
    other[ignored] += 100.0
    np.testing.assert_allclose(
        ops.convert_to_numpy(multibox_loss(targets, predictions)),
        ops.convert_to_numpy(multibox_loss(targets, other)),
    )


def test_class_gives_the_function_and_round_trips():
    targets, predictions = _batch(np.random.default_rng(7))
    loss = MultiboxLoss(negative_ratio=2.0, alpha=0.5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    expected = brute_force(targets, predictions, 2.0, 0.5)
    for each in (loss, again):
        np.testing.assert_allclose(
            ops.convert_to_numpy(compiled(each)(targets, predictions)), expected, rtol=1e-5
        )
