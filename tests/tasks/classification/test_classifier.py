"""A classifier standing alone: stock fit, predict and evaluate; presets; what is refused."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refiners import PixelDA
from refinezoo.tasks.classification.classifier import Classifier

NAMES = ["dark", "grey", "bright"]


@pytest.fixture(scope="module")
def classifier(shades):
    keras.utils.set_random_seed(0)
    # At a width of 0.2 two of six seeds learn two of the three shades; at 0.5 all learn all.
    model = Classifier(NAMES, image_size=8, width_multiplier=0.5, learning_rate=0.01)
    model.compile()
    images, labels, _ = shades
    model.fit(np.tile(images, (80, 1, 1, 1)), np.tile(labels, 80), batch_size=24, verbose=0)
    return model


def test_a_classifier_learns_and_says_so(classifier, shades):
    images, labels, _ = shades
    logs = classifier.evaluate(images, labels, batch_size=24, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "accuracy"} and logs["accuracy"] > 0.9
    probability = classifier.predict_probability(images, batch_size=24)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, atol=1e-5)
    found = classifier.predict_labels(images, batch_size=24)
    np.testing.assert_array_equal(found, probability.argmax(axis=1))
    assert logs["accuracy"] == pytest.approx(np.mean(found == labels))


def test_the_task_model_of_a_refiner_stands_alone(shades):
    refiner = PixelDA(
        class_names=NAMES, image_size=8, width=4, blocks=1, tower_width_multiplier=0.2
    )
    model = Classifier.from_pixelda(refiner)
    np.testing.assert_allclose(
        model.predict_probability(shades[0]),
        refiner.predict_task(shades[0])["probability"],
        atol=1e-6,
    )


@pytest.mark.once
def test_wrong_data_is_refused(classifier, shades):
    images, labels, _ = shades
    for wrong in (images / 255.0, images[:, :4], images[..., 0]):
        with pytest.raises(RefinezooError, match=r"uint8 RGB images \[N, 8, 8, 3\]"):
            classifier.fit(wrong, labels, verbose=0)
    for wrong in (images / 255.0, images[..., 0]):  # another size is scaled, as when served
        with pytest.raises(RefinezooError, match=r"uint8 RGB images"):
            classifier.predict_labels(wrong)
    with pytest.raises(RefinezooError, match="from 0 to 2, received"):
        classifier.fit(images, labels + 1, verbose=0)
    with pytest.raises(RefinezooError, match="from 0 to 2, received"):
        classifier.fit(iter([(images, labels + 1)]), verbose=0)
    with pytest.raises(RefinezooError, match=r"batches \(images, targets\)"):
        classifier.fit(images, verbose=0)
    for names in ("abc", ["a", "a"]):
        with pytest.raises(RefinezooError, match="list of different names"):
            Classifier(names)
