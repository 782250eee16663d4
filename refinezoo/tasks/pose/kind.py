"""What pose models predict: probabilities and unit quaternions."""

from typing import Any

import numpy as np

from refinezoo.models.kind import Output
from refinezoo.models.registry import register_kind
from refinezoo.tasks.classification.kind import PROBABILITY, ClassifierKind, Classifies, best


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


AXES = ((230, 60, 0), (0, 190, 60), (40, 90, 255))


def draw_axes(canvas: np.ndarray, quaternion: np.ndarray, colours: Any) -> None:
    """Draws the axes that a unit quaternion (w, x, y, z) turns, from the middle, in place.

    The camera's x points right and its y up.
    """
    import cv2

    w, x, y, z = (float(value) for value in quaternion)
    across = (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y))
    up = (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x))
    middle, length = np.array(canvas.shape[1::-1]) / 2, min(canvas.shape[:2]) / 3
    for right, above, colour in zip(across, up, colours, strict=True):
        tip = middle + length * np.array([right, -above])
        start, end = ([int(value) for value in point] for point in (middle, tip))
        cv2.arrowedLine(canvas, start, end, colour, 2, cv2.LINE_AA)


class PoseKind(ClassifierKind):
    """uint8 images to probabilities and unit quaternions."""

    name = "pose"
    task = "pose"
    study = "refinezoo.tasks.pose.study.PoseStudy"
    outputs = {
        "probability": PROBABILITY,
        "quaternion": Output("float32", (4,), order="w, x, y, z", limits=(-1, 1)),
    }
    file_outputs = {**ClassifierKind.file_outputs, "quaternion": outputs["quaternion"]}
    conveniences = PredictsPose
    agreement_by = "share of half a turn that the rotation is right by, 0 for a wrong class"

    def draw(self, model, image, answer, truth=None):
        """The image with its class and the axes of the object, x red, y green, z blue.

        The true axes are white; both are drawn as from far away.
        """
        drawn = super().draw(model, image, answer, truth)
        for turned, colours in ((truth, [(255, 255, 255)] * 3), (answer, AXES)):
            if turned is not None:
                draw_axes(drawn, turned["quaternion"], colours)
        return drawn

    def agreement(self, model, answer, truth):
        """1 for the true rotation to 0 for one that is half a turn away, and for a wrong class."""
        from refinezoo.metrics.pose import angle_error_degrees

        turned = [np.asarray(each["quaternion"])[None] for each in (truth, answer)]
        right = best(answer)[0] == best(truth)[0]
        return float(right and 1 - angle_error_degrees(*turned, epsilon=0.0)[0] / 180)

    def difference(self, wanted, given):
        """`max_abs_error` of the probabilities."""
        return super().difference(wanted["probability"], given["probability"])

    def lost(self, wanted, given):
        """As a classifier."""
        return super().lost(wanted["probability"], given["probability"])


POSE = register_kind(PoseKind())
