"""Classification in a study: the share of right answers of a task tower."""

from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np

from refinezoo.data.class_files import class_folders, read_class_folders
from refinezoo.data.digits import CLASSES, load_digits
from refinezoo.errors import RefinezooError
from refinezoo.tasks.array_study import ArrayTask, accuracy_by_class
from refinezoo.tasks.augmentation_settings import LIGHT, augmentation_of
from refinezoo.tasks.classification.kind import CLASSIFIER
from refinezoo.tasks.classification.pseudo_labels import most_probable, sure_classes
from refinezoo.tasks.pseudo_labels import check_kept
from refinezoo.tasks.study import Measured, folder_of


class ClassificationStudy(ArrayTask):
    """Classes by a `Classifier`, or by the tower inside a method that adapts, such as PixelDA.

    A set is `digits`, or a folder that holds a folder of images for each class.
    """

    kind = CLASSIFIER
    metrics = ("accuracy",)
    class_metric = "accuracy"
    rule = "share of all test images whose most probable class is theirs"
    targets = ("label",)
    sure_at = 0.9
    ways = ("folder", "digits")

    def check(self, model: dict[str, Any], training: dict[str, Any]) -> None:
        """As every task; towers start from nothing."""
        super().check(model, training)
        if model.get("init"):
            raise RefinezooError("init: not for classification. Leave it out.")

    def augmentation(self, value: Any, model: Any = None) -> Any:
        """`data.augmentation.Augmentation`: light and crops; `flip` must be said.

        A mirrored digit or sign is another class, or none.
        """
        return augmentation_of(value, replace(LIGHT, crop=0.85))

    def arguments(self, spec: dict[str, Any]) -> dict[str, Any]:
        """With the ten digits, or the test set's folders, as classes."""
        test = spec["test"]
        digits = [str(digit) for digit in range(CLASSES)]
        names = digits if "digits" in test else list(class_folders(folder_of(test)))
        return {"class_names": names, **super().arguments(spec)}

    def read(self, part: dict[str, Any], model: Any) -> dict[str, np.ndarray]:
        """`image` and `label` of a split of digits, or of class folders."""
        if "digits" not in part:
            return read_class_folders(folder_of(part), model.class_names, model.image_size)
        settings = dict(part["digits"])
        photos = part["images"] if settings.pop("with_photos") else None
        split = settings.pop("split")
        images, labels = load_digits(part["annotations"], split, photos=photos, **settings)
        return {"image": images, "label": labels}

    def pseudo_label(self, model, photos, out, score_threshold):
        """A folder of photos for each class."""
        say = partial(self.probability, model)
        summary = sure_classes(model, say, photos, out, score_threshold)
        return out, summary

    def sure_of(
        self, model: Any, data: dict[str, np.ndarray], score_threshold: float
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Of digits those that a model is sure of, with its labels; and how many."""
        side = model.image_size
        seen = [cv2.resize(image, (side, side)) for image in data["image"]]
        probability = self.probability(model, np.stack(seen))
        labels, sure = most_probable(probability, score_threshold)
        check_kept(int(sure.sum()), len(sure), "classifier", score_threshold)
        found = {"image": data["image"][sure], "label": labels[sure]}
        return found, {"photos": len(sure), "kept": int(sure.sum())}

    def probability(self, model: Any, images: np.ndarray) -> np.ndarray:
        """Of each class, `[N, K]`, by a classifier, an exported one, or a method's tower."""
        found = self.answers(model, images)
        return found["probability"] if isinstance(found, dict) else found

    def evaluate(self, model: Any, data: Any) -> Measured:
        """Accuracy on the test images."""
        right = model.predict_labels(data["image"]) == data["label"]
        by_class = accuracy_by_class(right, data["label"], model.class_names)
        return Measured({"accuracy": float(right.mean())}, by_class=by_class)

    def truth(self, data: Any, row: int) -> np.ndarray:
        """All probability on the true digit."""
        return np.eye(CLASSES, dtype="float32")[data["label"][row]]
