"""Obstacle ranges in a study: frames with depth, errors per sector, and flights by the model."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from pydantic import Field

from refinezoo.data.depth import read_depth_folder
from refinezoo.data.image_size import height_and_width
from refinezoo.models.arguments import bound_arguments
from refinezoo.models.registry import model_class
from refinezoo.scenes.street.forest import FIELD_OF_VIEW, ForestWorld
from refinezoo.tasks.array_study import ArrayTask
from refinezoo.tasks.augmentation_settings import LIGHT, PLACES, augmentation_of
from refinezoo.tasks.obstacle_range.flight import mean_flight
from refinezoo.tasks.obstacle_range.kind import RANGE
from refinezoo.tasks.obstacle_range.obstacle_range import sector_ranges
from refinezoo.tasks.study import Measured, folder_of


class ObstacleRangeStudy(ArrayTask):
    """Ranges by an `ObstacleRange`, measured on frames and in flights through forests.

    Attributes:
        field_of_view: of the frames, horizontal, degrees.
        d_safe: metres; nearer is a collision ahead.
        worlds: `ForestWorld`s to fly through.
        look: theirs.
        seed: theirs; training frames must come from others.
    """

    field_of_view: float = Field(FIELD_OF_VIEW, gt=0, lt=180)
    d_safe: float = Field(3.0, gt=0)
    worlds: int = Field(24, ge=1)
    look: Literal["plain", "rich"] = "rich"
    seed: int = Field(4000, ge=0)

    kind = RANGE
    metrics = ("mean_abs_error_m", "f1", "flown_m", "collided")
    lower = ("mean_abs_error_m", "collided")
    rule = (
        "mean |r - r_hat| over all sectors; F1 of r < d_safe over all sectors; mean metres of the "
        "60 m course before a collision; share of collisions"
    )
    targets = ("ranges_m",)

    def augmentation(self, value: Any, model: Any = None) -> Any:
        """Light and colour of `data.augmentation.Augmentation`: a frame that moves turns."""
        return augmentation_of(value, LIGHT, fixed=PLACES)

    def read(self, part: dict[str, Any], model: Any) -> dict[str, np.ndarray]:
        """`image` and the `ranges_m` that its depth gives, 0 = no surface."""
        return self._frames(part, model.arguments)

    def evaluate(self, model: Any, data: Any) -> Measured:
        """The errors on the test frames, and the mean flight."""
        found = model.evaluate_ranges(data["image"], data["ranges_m"], d_safe=self.d_safe)
        found |= self._flown(lambda frame: model.predict_ranges(frame.image), model.image_size)
        return Measured({name: found[name] for name in self.metrics})

    def references(self, sets: dict[str, Any], test: dict[str, Any], model: Any) -> dict[str, Any]:
        """Flying straight on, on the true ranges (`oracle`), and the renders' mean (`constant`)."""
        arguments = bound_arguments(model_class(model["class"]), (), model["config"])
        size = height_and_width(arguments["image_size"])
        found: dict[str, Any] = {
            "straight": self._flown(None, size),
            "oracle": self._flown(lambda frame: self._ranges(frame.depth_m, arguments), size),
        }
        if "synthetic" in sets:
            mean = np.log(self._frames(sets["synthetic"], arguments)["ranges_m"]).mean()
            error = np.abs(np.exp(mean) - self._frames(test, arguments)["ranges_m"]).mean()
            found["constant"] = {"mean_abs_error_m": float(error)}
        return found

    def photo_size(self, model: dict[str, Any]) -> tuple[int, int]:
        """The model's size."""
        arguments = bound_arguments(model_class(model["class"]), (), model["config"])
        return height_and_width(arguments["image_size"])

    def _frames(self, part: dict[str, Any], arguments: dict[str, Any]) -> dict[str, np.ndarray]:
        found = read_depth_folder(folder_of(part), arguments["image_size"])
        return {"image": found["image"], "ranges_m": self._ranges(found["depth_m"], arguments)}

    def _ranges(self, depth_m: np.ndarray, arguments: dict[str, Any]) -> np.ndarray:
        asked = {key: arguments[key] for key in ("sectors", "r_max")}
        return sector_ranges(depth_m, field_of_view=self.field_of_view, **asked)

    def _flown(self, predict: Callable | None, size: tuple[int, int]) -> dict[str, float]:
        worlds = (ForestWorld((self.seed, k), look=self.look) for k in range(self.worlds))
        return mean_flight(predict, worlds, image_size=size)
