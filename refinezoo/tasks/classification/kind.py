"""What classifiers predict: probabilities."""

import numpy as np

from refinezoo.models.images import resized
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


class ClassifierKind(Kind):
    """uint8 images to probabilities."""

    name = "classifier"
    outputs = {"probability": PROBABILITY}
    file_outputs = {"label": LABEL, "probability": PROBABILITY}
    error_unit = "of probabilities"
    own_size = True
    gate = ("change of probability", 0.02)
    conveniences = Classifies

    def signatures(self, model, max_image_pixels):
        """`serving_default` and `tensor`, both to `label` and `probability`."""
        from refinezoo.tasks.classification.signatures import label_signatures

        return label_signatures(model, max_image_pixels)

    def graph(self, model):
        """uint8 `[1, S, S, 3]` to `label` and `probability`."""
        from refinezoo.tasks.classification.signatures import label_answers

        return label_answers(model)

    def run(self, exported, image):
        """Images of another size are scaled to the file's."""
        size = exported.sizes[0]
        return super().run(exported, image if size == (None, None) else resized(image, *size))

    def difference(self, wanted, given):
        """`max_abs_error` of the probabilities."""
        return {"max_abs_error": float(np.abs(wanted - given).max())}

    def lost(self, wanted, given):
        """The mean change of probability; no label may change."""
        change = float(np.abs(wanted - given).mean())
        same = bool((wanted.argmax(-1) == given.argmax(-1)).all())
        return change, change <= self.gate[1] and same


CLASSIFIER = register_kind(ClassifierKind())
