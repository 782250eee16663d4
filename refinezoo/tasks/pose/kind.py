"""What pose models predict: probabilities and unit quaternions."""

from refinezoo.models.kind import Output
from refinezoo.models.registry import register_kind
from refinezoo.tasks.classification.kind import PROBABILITY, ClassifierKind, Classifies


class PredictsPose(Classifies):
    """`predict_pose` and what classifiers have, over `predict`."""

    def predict_probability(self, images, batch_size=256):
        """Softmax probabilities, float32 `[N, K]`, of uint8 images `[N, H, W, 3]`."""
        return self.predict(images, batch_size, verbose=0)["probability"]

    def predict_pose(self, images, batch_size=256):
        """Class and rotation of each image.

        Args:
            images: uint8 `[N, H, W, 3]`, RGB.
            batch_size: images per pass.

        Returns:
            `{"label": int [N], "probability": float [N, K], "quaternion": float [N, 4]}`.
        """
        found = self.predict(images, batch_size, verbose=0)
        return {"label": found["probability"].argmax(axis=-1), **found}


class PoseKind(ClassifierKind):
    """uint8 images to probabilities and unit quaternions."""

    name = "pose"
    outputs = {
        "probability": PROBABILITY,
        "quaternion": Output("float32", (4,), order="w, x, y, z", limits=(-1, 1)),
    }
    file_outputs = {**ClassifierKind.file_outputs, "quaternion": outputs["quaternion"]}
    conveniences = PredictsPose

    def difference(self, wanted, given):
        """`max_abs_error` of the probabilities."""
        return super().difference(wanted["probability"], given["probability"])

    def lost(self, wanted, given):
        """As a classifier."""
        return super().lost(wanted["probability"], given["probability"])


POSE = register_kind(PoseKind())
