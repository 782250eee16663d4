"""Class and rotation in a study: folders of views, accuracy and angle error of the test views."""

from functools import partial
from typing import Any

import numpy as np

from refinezoo.data.pose_files import pose_class_names, read_pose_folder
from refinezoo.metrics.pose import angle_error_degrees
from refinezoo.tasks.array_study import ArrayTask, accuracy_by_class
from refinezoo.tasks.augmentation_settings import LIGHT, PLACES, augmentation_of
from refinezoo.tasks.pose.kind import POSE
from refinezoo.tasks.pose.pseudo_labels import sure_views
from refinezoo.tasks.study import Measured, folder_of


class PoseStudy(ArrayTask):
    """Poses by a `PoseTower`, or by the tower inside a method that adapts, such as PixelDA."""

    kind = POSE
    metrics = ("accuracy", "angle_error_degrees")
    class_metric = "accuracy"
    lower = ("angle_error_degrees",)
    rule = (
        "accuracy; mean of 2 acos(|<q, q_hat>| - 1e-4) in degrees over all images, as in "
        "PixelDA's code"
    )
    targets = ("label", "quaternion")
    sure_at = 0.9
    ways = ("folder",)

    def arguments(self, spec: dict[str, Any]) -> dict[str, Any]:
        """With the classes of the test set."""
        return {"class_names": pose_class_names(folder_of(spec["test"])), **super().arguments(spec)}

    def augmentation(self, value: Any, model: Any = None) -> Any:
        """Light and colour of `data.augmentation.Augmentation`: a view that moves turns."""
        return augmentation_of(value, LIGHT, fixed=PLACES)

    def read(self, part: dict[str, Any], model: Any) -> dict[str, np.ndarray]:
        """`image`, `label`, `quaternion` and, where there are masks, `foreground_mask`."""
        return read_pose_folder(folder_of(part), model.class_names, model.image_size)

    def pseudo_label(self, model, photos, out, score_threshold):
        """A folder of views."""
        say = partial(self.answers, model)
        summary = sure_views(model, say, photos, out, score_threshold)
        return out, summary

    def evaluate(self, model: Any, data: Any) -> Measured:
        """Accuracy and mean angle error on the test views."""
        found = self.answers(model, data["image"])
        errors = angle_error_degrees(data["quaternion"], found["quaternion"])
        right = found["probability"].argmax(axis=-1) == data["label"]
        metrics = zip(self.metrics, (float(right.mean()), float(errors.mean())), strict=True)
        by_class = accuracy_by_class(right, data["label"], model.class_names)
        return Measured(dict(metrics), by_class=by_class)

    def truth(self, data: Any, row: int) -> dict[str, np.ndarray]:
        """All probability on the true class, and the true rotation."""
        label = data["label"][row]
        probability = np.eye(data["label"].max() + 1, dtype="float32")[label]
        return {"probability": probability, "quaternion": data["quaternion"][row]}
