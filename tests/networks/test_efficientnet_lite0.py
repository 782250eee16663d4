"""EfficientNet-Lite0: golden counts, atrous rates, and the published weights on real photos."""

from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.networks.efficientnet_lite0 import TAPS, efficientnet_lite0
from refinezoo.training.start import start_backbone

PHOTOS = Path(refinezoo.__file__).parent / "assets/real_test/images"
# Every 125th logit of the middle square at 224 px; benchmarks/efficientnet_lite0.py computed them
# in NumPy from the published file.
LOGITS = {
    "test_Alpro-Blueberry-Soyghurt_001.jpg": (
        "Band_Aid",
        [-1.043, -1.638, -1.242, 0.079, -1.667, -1.318, 1.066, -1.473],
    ),
    "test_Bravo-Orange-Juice_001.jpg": (
        "grocery_store",
        [-1.219, -1.243, -0.935, -1.626, -0.556, 1.217, 0.497, 0.708],
    ),
}


@pytest.fixture(scope="module")
def classifier():
    return refinezoo.load("efficientnet_lite0_imagenet")


def photo(name):
    image = cv2.imread(str(PHOTOS / name))[..., ::-1]
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = image[top : top + side, left : left + side]
    return cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA)


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.once
@pytest.mark.parametrize(
    ("tap", "weights", "channels"),
    [(4, 15_792, 24), (8, 55_504, 40), (16, 700_768, 112), (32, 2_958_848, 320)],
)
def test_golden_parameters_up_to_each_tap(tap, weights, channels):
    network = efficientnet_lite0(taps=(tap,), batch_norm=True)
    assert count(network.trainable_variables) == weights
    assert network.get_layer(TAPS[tap]).output.shape[-1] == channels
    (shape,) = network.compute_output_shape((1, 64, 96, 3))
    assert tuple(shape) == (1, 64 // tap, 96 // tap, channels)


@pytest.mark.once
def test_the_classifier_has_the_published_parameters(classifier):
    moving = count(w for w in classifier.network.weights if "moving" in w.path)
    assert classifier.network.count_params() - moving == 4_652_008


@pytest.mark.once
@pytest.mark.parametrize("output_stride", [16, 8])
def test_atrous_rates_compute_the_plain_features_at_more_places(output_stride, rng):
    plain = efficientnet_lite0()
    dense = efficientnet_lite0(output_stride=output_stride)
    dense.set_weights(plain.get_weights())
    images = rng.uniform(-1, 1, (1, 64, 128, 3)).astype("float32")
    for tap, coarse, fine in zip(TAPS, plain(images), dense(images), strict=True):
        step = max(1, tap // output_stride)
        assert fine.shape[1:3] == (64 * step // tap, 128 * step // tap)
        # Padding of even sides puts a stride's centre on the odd pixel.
        places = np.asarray(fine)[:, step - 1 :: step, step - 1 :: step]
        np.testing.assert_allclose(places, np.asarray(coarse), atol=1e-4)


def test_the_weights_equal_the_published_ones_on_real_photos(classifier):
    images = np.stack([photo(name) for name in LOGITS])
    logits = classifier.predict_on_batch(images)
    for row, (name, wanted) in zip(logits, LOGITS.values(), strict=True):
        np.testing.assert_allclose(row[::125], wanted, atol=0.05)  # stored at half precision
        assert classifier.class_names[row.argmax()] == name
    probability = classifier.predict_probability(images)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(probability.argmax(axis=1), logits.argmax(axis=1))


@pytest.mark.once
def test_features_at_any_size_are_those_inside_the_classifier(classifier, rng):
    images = rng.integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
    maps = classifier.features(images, taps=(8, 32))
    assert [m.shape for m in maps] == [(2, 8, 12, 40), (2, 2, 3, 320)]
    inside = classifier.network.get_layer("tower").get_layer(TAPS[32]).output
    tower = keras.Model(classifier.network.get_layer("tower").input, inside)
    image = photo("test_Bravo-Orange-Juice_001.jpg")
    (wanted,) = classifier.features(image, taps=(32,))
    received = np.asarray(tower(image[None] / np.float32(127.5) - 1))
    np.testing.assert_allclose(received[0], wanted, atol=1e-3)


@pytest.mark.once
@pytest.mark.parametrize("batch_norm", [False, True])
def test_batch_norm_moves_only_if_asked(batch_norm, rng):
    network = efficientnet_lite0(taps=(2,), batch_norm=batch_norm)
    network.compile("sgd", "mse", jit_compile=False)
    before = {w.path: np.asarray(w) for w in network.weights}
    images = rng.uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
    network.fit(images, [np.zeros((4, 16, 16, 16), "float32")], verbose=0)
    moved = {w.path for w in network.weights if not np.array_equal(np.asarray(w), before[w.path])}
    norms = {path for path in before if "_bn/" in path}
    if batch_norm:
        assert {path for path in norms if "moving" in path} <= moved
    else:
        assert moved == set(before) - norms


@pytest.mark.once
def test_wrong_words(classifier):
    with pytest.raises(RefinezooError, match="expected taps among the strides 2, 4, 8, 16, 32"):
        efficientnet_lite0(taps=(3,))
    with pytest.raises(RefinezooError, match="output_stride 8, 16 or 32"):
        efficientnet_lite0(output_stride=4)
    with pytest.raises(RefinezooError, match="received resnet without one"):
        start_backbone(keras.Sequential([keras.Input((8, 8, 3))], name="resnet"), classifier)
