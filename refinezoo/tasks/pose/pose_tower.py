"""Class and rotation of an object, the Cropped LineMod task of PixelDA, standing alone."""

import keras
import numpy as np
from pydantic import NonNegativeFloat

from refinezoo.errors import RefinezooError
from refinezoo.losses.task import QuaternionLoss
from refinezoo.metrics.pose import MeanAngleError, angle_error_degrees
from refinezoo.models.arguments import ClassNames
from refinezoo.models.registry import register
from refinezoo.renames import renamed
from refinezoo.tasks.classification.classifier import Classifier, softmax
from refinezoo.tasks.pose.kind import POSE, PredictsPose
from refinezoo.training.checks import check_labels, check_quaternions


@register
class PoseTower(PredictsPose, Classifier):
    """A `Classifier` that also tells the rotation, as a unit quaternion (w, x, y, z).

    `fit(images, {"label": int [N], "quaternion": float [N, 4]})`, uint8 images `[N, S, S, 3]`.
    `predict` gives `{"probability": [N, K], "quaternion": [N, 4]}`. `evaluate` gives the losses,
    `label_accuracy` and `quaternion_angle_error_degrees`.

    Args:
        class_names: names of the K classes.
        image_size: side S, pixels.
        tower: pose_mini (that of the DANN and DSN figures), doubling, or one of the others.
        lambda_quaternion: weight of the rotation's loss beside that of the class.
        **kwargs: of `Classifier`.
    """

    kind = POSE
    quaternion = True

    @renamed(quaternion_weight="lambda_quaternion")
    def __init__(
        self,
        class_names: ClassNames,
        *,
        image_size=64,
        tower: str = "pose_mini",
        lambda_quaternion: NonNegativeFloat = 0.25,
        **kwargs,
    ):
        super().__init__(class_names, image_size=image_size, tower=tower, **kwargs)
        self.lambda_quaternion = lambda_quaternion

    def call(self, images, training=False):
        """RGB `[B, S, S, 3]` in 0..255 to logits `[B, K]` and unit quaternions `[B, 4]`."""
        return self.network(images, training=training)

    def compile(self, optimizer=None, loss=None, metrics=None, **kwargs):
        """As `keras.Model.compile`; Adam and the losses of PixelDA by default."""
        if loss is None:
            loss = {
                "label": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "quaternion": QuaternionLoss(),
            }
            kwargs.setdefault("loss_weights", {"label": 1.0, "quaternion": self.lambda_quaternion})
        super().compile(
            optimizer,
            loss,
            metrics
            or {
                "label": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
                "quaternion": [MeanAngleError()],
            },
            **kwargs,
        )

    def check_targets(self, targets, count):
        """Checks `{"label", "quaternion"}`."""
        if not isinstance(targets, dict) or set(targets) != {"label", "quaternion"}:
            received = sorted(targets) if isinstance(targets, dict) else type(targets).__name__
            raise RefinezooError(
                f'expected targets {{"label": int [N], "quaternion": float [N, 4]}}, received '
                f"{received}."
            )
        check_labels(targets["label"], len(self.class_names))
        check_quaternions(targets["quaternion"])

    def to_answer(self, outputs, images):
        """`{"probability": float32 [N, K], "quaternion": float32 [N, 4]}`."""
        return {"probability": softmax(outputs["label"]), "quaternion": outputs["quaternion"]}

    def evaluate_pose(self, images, labels, quaternions, batch_size=256):
        """Accuracy in [0, 1] and mean angle error in degrees, by the published rule.

        As in PixelDA's evaluation the error is the mean over all images, those of a wrong class
        included.
        """
        found = self.predict_pose(images, batch_size)
        errors = angle_error_degrees(quaternions, found["quaternion"])
        return {
            "accuracy": float(np.mean(found["label"] == np.asarray(labels))),
            "angle_error_degrees": float(errors.mean()),
        }
