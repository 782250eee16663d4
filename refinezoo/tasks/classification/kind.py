"""What classifiers predict: probabilities."""

from typing import Any

import numpy as np

from refinezoo.models.kind import Kind, Output
from refinezoo.models.registry import register_kind

LABEL = Output("int32", (), "index into class_names")
PROBABILITY = Output("float32", ("classes",), limits=(0, 1))


class Classifies:
    """`predict_labels` and `predict_probability`, over `predict`."""

    def predict_probability(self, images, batch_size=256):
        """Softmax probabilities, float32 `[N, K]`, of uint8 images `[N, H, W, 3]`."""
        return self.predict(images, batch_size, verbose=0)

    def predict_labels(self, images, batch_size=256):
        """Class indices, int `[N]`, of uint8 images `[N, H, W, 3]`."""
        return np.argmax(self.predict_probability(images, batch_size), axis=-1)


def best(answer: Any) -> tuple[int, float]:
    """The most probable class of an answer, or of its `probability`, and how probable it is."""
    probability = answer["probability"] if isinstance(answer, dict) else answer
    return int(probability.argmax()), float(probability.max())


class ClassifierKind(Kind):
    """uint8 images to probabilities."""

    name = "classifier"
    task = "classification"
    study = "refinezoo.tasks.classification.study.ClassificationStudy"
    outputs = {"probability": PROBABILITY}
    file_outputs = {"label": LABEL, "probability": PROBABILITY}
    error_unit = "of probabilities"
    own_size = True
    gate = ("change of probability", 0.02)
    agreement_by = "probability of the true class"
    training_labels = "label"
    hub_task = "image-classification"
    conveniences = Classifies

    def signatures(self, model, max_image_pixels):
        """`serving_default` and `tensor`, both to `label` and `probability`."""
        from refinezoo.tasks.classification.signatures import label_signatures

        return label_signatures(model, max_image_pixels)

    def graph(self, model):
        """uint8 `[1, S, S, 3]` to `label` and `probability`."""
        from refinezoo.tasks.classification.signatures import label_answers

        return label_answers(model)

    def draw(self, model, image, answer, truth=None):
        """The image with its class; green where that is right, red where it is not."""
        from refinezoo.data.drawing import PLAIN, RIGHT, WRONG, captioned

        shown = truth if answer is None else answer
        colour = PLAIN
        if truth is not None and answer is not None:
            colour = RIGHT if best(answer)[0] == best(truth)[0] else WRONG
        return captioned(image, self.words(model, shown), colour)

    def words(self, model, answer):
        """The most probable class and its probability."""
        label, probability = best(answer)
        return f"{model.class_names[label]} {probability:.2f}"

    def agreement(self, model, answer, truth):
        """The probability of the true class."""
        return float(answer[best(truth)[0]])

    def classes_in(self, model, truth):
        """The true one."""
        return (model.class_names[best(truth)[0]],)

    def lost(self, wanted, given):
        """The mean change of probability; no label may change."""
        change = float(np.abs(wanted - given).mean())
        same = bool((wanted.argmax(-1) == given.argmax(-1)).all())
        return change, change <= self.gate[1] and same


CLASSIFIER = register_kind(ClassifierKind())
