"""What a study asks of a task whose sets fit into memory."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from refinezoo.tasks.study import Example, Task


class ArrayTask(Task):
    """A task whose sets fit into memory, as dicts of arrays: `image` and the targets.

    Attributes:
        targets: names of the arrays that the model learns to say.
    """

    targets: ClassVar[tuple[str, ...]]

    def target(self, data: dict[str, np.ndarray]) -> Any:
        """What the model's `fit` takes beside the images."""
        found = {name: data[name] for name in self.targets}
        return found if len(found) > 1 else found[self.targets[0]]

    def batches(self, data: Any, spec: dict[str, Any], model: Any, **stream: Any) -> Any:
        """Pairs of images and targets, in a new order each turn."""
        from refinezoo.data.arrays import ArrayBatches

        online = stream.pop("online", None)
        pair = (data["image"], self.target(data))
        model.check_values(pair)
        batches: Any = ArrayBatches(pair, **stream)
        if online is not None:
            from refinezoo.tasks.online import RefinedBatches

            batches = RefinedBatches(batches, online)
        return self.augmented(batches, spec, model)

    def unpaired(
        self, data: Any, photos: Any, spec: dict[str, Any], model: Any, **stream: int
    ) -> Any:
        """Labelled renders and photos, of which the labels are left out."""
        from refinezoo.data.arrays import UnpairedArrays

        halves = UnpairedArrays(data, {"image": photos["image"]}, **stream)
        return self.augmented(halves, spec, model)

    def augmented(self, batches: Any, spec: dict[str, Any], model: Any) -> Any:
        """The batches by `training.augmentation`, image and any map alike, if the task has one."""
        augmentation = self.augmentation(spec["training"]["augmentation"], model)
        if augmentation is None:
            return batches
        from refinezoo.data.depth import AugmentedBatches

        pair = ("image", self.targets[0])
        return AugmentedBatches(batches, augmentation, seed=spec["seed"], pair=pair)

    def count(self, data: Any) -> int:
        """How many images a set has."""
        return len(data["image"])

    def example(self, data: Any, row: int) -> Example:
        """One image of a set."""
        return Example(f"{row}", data["image"][row], self.truth(data, row))

    def truth(self, data: Any, row: int) -> Any:
        """The answer that would be right for an image."""
        return data[self.targets[0]][row]


def accuracy_by_class(
    right: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> dict[str, float]:
    """The share of right answers, bool `[N]`, of each class that `labels` `[N]` name."""
    return {class_names[k]: float(right[labels == k].mean()) for k in np.unique(labels)}
