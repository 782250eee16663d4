"""A downstream model in a refiner's loss: what a render was labelled as must still be seen in it.

    L_task = L(T(G(x)), y),   y the known labels of the render x, L what T itself is trained with

It forbids a refiner to paint over what the labels speak of. CyCADA: Hoffman et al. 2018,
arXiv 1711.03213; PixelDA: Bousmalis et al. 2017, arXiv 1612.05424.
"""

import os
from typing import Any

import keras

from refinezoo.errors import RefinezooError
from refinezoo.models.registry import kinds


class Task:
    """A detector, segmenter, depth model or classifier, and its loss on refined renders.

    Args:
        model: one of `refinezoo.tasks`; or the name of one in the zoo, or a preset folder.

    Raises:
        RefinezooError: another model.
    """

    def __init__(self, model: Any) -> None:
        if isinstance(model, str | os.PathLike):
            import refinezoo

            model = refinezoo.load(model)
        key = getattr(getattr(model, "kind", None), "training_labels", "")
        if not key:
            known = [kind.name for kind in kinds().values() if kind.training_labels]
            raise RefinezooError(
                f"expected task_loss as a model of refinezoo.tasks ({', '.join(known)}), or the "
                f"name of one in the zoo, received {type(model).__name__}."
            )
        self.model, self.key = model, key
        if not model.compiled:
            model.compile()  # many losses come with it

    @property
    def network(self) -> keras.Model:
        """The weights that a training along moves."""
        return self.model.inference_network

    def loss(self, images: Any, labels: Any) -> Any:
        """Of refined images `[B, S, S, 3]` in [-1, 1] with the labels of their renders; a scalar.

        A model of one size sees them scaled to it.
        """
        return self.model.kind.task_loss(self.model, images, labels)


class Tasked:
    """Mixin of refiners whose G has to keep the loss of a downstream model low.

    `declare_task` comes in the constructor, `prepare_task` in `prepare_training`: a refiner that
    only refines needs no such model, and presets do not hold it.
    """

    required_keys: dict[str, tuple[str, ...]]
    task: Task | None
    task_model: Any
    task_network: keras.Model | None

    def declare_task(self, task_loss: Any, train_task: bool) -> None:
        """Keeps what the user chose; the arguments of the same name of a refiner."""
        self.train_task, self.task_network = train_task, None
        object.__setattr__(self, "task", None)  # its network alone is tracked
        object.__setattr__(self, "task_model", task_loss)

    def prepare_task(self) -> None:
        """Makes the task, once; the renders then have to come with its labels."""
        if self.task_model is None or self.task is not None:
            return
        task = Task(self.task_model)
        task.network.trainable = self.train_task
        object.__setattr__(self, "task", task)
        self.task_network = task.network
        keys = (*self.required_keys["synthetic"], task.key)
        self.required_keys = {**self.required_keys, "synthetic": keys}

    def training_networks(self) -> dict[str, keras.Model]:
        """As every method, without the task model."""
        networks = super().training_networks()  # type: ignore[misc]
        return {n: each for n, each in networks.items() if each is not self.task_network}
