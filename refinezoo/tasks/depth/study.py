"""Depth in a study: folders of images with depth, errors on the real test images."""

from typing import Any

import numpy as np

from refinezoo.data.augmentation import Augmentation
from refinezoo.data.depth import read_depth_folder
from refinezoo.data.image_size import ImageSizeField, height_and_width
from refinezoo.metrics.depth import depth_metrics
from refinezoo.models.arguments import bound_arguments
from refinezoo.models.registry import model_class
from refinezoo.tasks.array_study import ArrayTask
from refinezoo.tasks.augmentation_settings import augmentation_of
from refinezoo.tasks.depth.kind import DEPTH
from refinezoo.tasks.study import Measured, folder_of


class DepthStudy(ArrayTask):
    """Monocular depth by a `DepthUNet`, or by the network inside a method such as T2Net.

    Attributes:
        image_size: height and width, or one side, to train and predict at; the truth keeps its own
            size.
        min_depth: metres; nearer truth does not count.
        max_depth: metres; farther truth does not count. None is the model's.
    """

    image_size: ImageSizeField
    min_depth: float = 1e-3
    max_depth: float | None = None

    kind = DEPTH
    metrics = ("abs_rel", "rmse", "sq_rel", "rmse_log", "delta1", "delta2", "delta3")
    lower = ("abs_rel", "sq_rel", "rmse", "rmse_log")
    rule = (
        "per-image mean over known pixels between min_depth and max_depth at the truth's size, no "
        "median scaling"
    )
    targets = ("depth_m",)

    @classmethod
    def settings_of(cls, model: Any) -> dict[str, Any]:
        """`image_size`, of a model or exported file that has one."""
        size = getattr(model, "image_size", None)
        return {"image_size": list(height_and_width(size))} if size else {}

    def augmentation(self, value: Any, model: Any = None) -> Any:
        """`data.augmentation.Augmentation`; T2Net's is flip: 0.5, rotate: 5."""
        return augmentation_of(value, Augmentation())

    def read(self, part: dict[str, Any], model: Any) -> dict[str, np.ndarray]:
        """`image` and `depth_m` at `image_size`."""
        return read_depth_folder(folder_of(part), self.image_size)

    def read_test(self, part: dict[str, Any], model: Any) -> dict[str, np.ndarray]:
        """The same, with depth at its own size."""
        truth = read_depth_folder(folder_of(part))["depth_m"]
        return {"image": self.read(part, model)["image"], "depth_m": truth}

    def evaluate(self, model: Any, data: Any) -> Measured:
        """The metrics on the test images."""
        limits = {"min_depth": self.min_depth, "max_depth": self.max_depth}
        found = model.evaluate_depth(data["image"], data["depth_m"], **limits)
        return Measured({name: float(found[name]) for name in self.metrics})

    def references(self, sets: dict[str, Any], test: dict[str, Any], model: Any) -> dict[str, Any]:
        """`constant`: the mean depth of the renders, said everywhere."""
        if "synthetic" not in sets:
            return {}
        arguments = bound_arguments(model_class(model["class"]), (), model["config"])
        limits = (self.min_depth, self.max_depth or arguments["max_depth"])
        renders = self.read(sets["synthetic"], None)["depth_m"]
        truth = read_depth_folder(folder_of(test))["depth_m"]
        constant = np.full_like(truth, renders[renders > 0].mean())
        found = depth_metrics(constant, truth, min_depth=limits[0], max_depth=limits[1])
        return {"constant": {name: float(found[name]) for name in self.metrics}}

    def photo_size(self, model: dict[str, Any]) -> tuple[int, int]:
        """`image_size`."""
        return height_and_width(self.image_size)
