"""What a study asks of a downstream task: to check, build, feed and measure a model.

A kind names its task's class in `Kind.study`; `refinezoo.experiments.compare` asks nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from refinezoo.config import Strict
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.models.kind import Kind
from refinezoo.models.registry import model_class, model_names, task_of
from refinezoo.tasks.adapting import adapting_model


@dataclass(frozen=True)
class Example:
    """A test image with what there is to be said of it, as an answer of the task's kind."""

    name: str
    image: np.ndarray
    truth: Any


class Measured(NamedTuple):
    """What a model is worth on a labelled set.

    Attributes:
        metrics: the task's, by name.
        predictions: as JSON, or None.
        by_class: the task's `class_metric` of each class that occurs.
    """

    metrics: dict[str, float]
    predictions: Any = None
    by_class: dict[str, float] = {}  # noqa: RUF012 (a NamedTuple's default, which nobody changes)


@dataclass(frozen=True)
class Prepared:
    """A model to keep and measure, the compiled part of it to fit, and a source of batches a set.

    The parts draw by their attribute `epoch` and the batch's index alone.
    """

    model: Any
    fitted: Any
    parts: list[Any]


class Task(Strict):
    """One downstream task in a study; its fields are what the study file may say in `settings`.

    A `spec` is what `compare_downstream` writes for each training: `model` (class, config, init),
    `training`, `sets`, `test` and `seed`. A set is a dict of `name`, `annotations` and `images`
    (paths, the same folder twice where the study says `folder`), and what its source adds.

    Attributes:
        kind: of the models that it trains.
        metrics: what `evaluate` gives, the two that a study shows by default first.
        lower: those of them of which less is better.
        class_metric: what `evaluate` says of each class, in words; "" where there are none.
        sure_at: the least score of an answer that becomes a pseudo-label, unless it is said; None
            where answers have no score.
        rule: how they are measured, in words.
        ways: in which a study file may name its sets (`synthetic.WAY`), of any where there are
            none.
    """

    kind: ClassVar[Kind]
    metrics: ClassVar[tuple[str, ...]]
    lower: ClassVar[tuple[str, ...]] = ()
    class_metric: ClassVar[str] = ""
    sure_at: ClassVar[float | None] = None
    rule: ClassVar[str]
    ways: ClassVar[tuple[str, ...]] = ()

    # ---- what a task says

    @classmethod
    def settings_of(cls, model: Any) -> dict[str, Any]:
        """Those settings that a trained model says by itself."""
        return {}

    def check(self, model: dict[str, Any], training: dict[str, Any]) -> None:
        """Raises a RefinezooError for a `model` or `training` that this task cannot make."""
        known = [name for name in model_names() if task_of(name) == self.kind.task]
        if model["class"] not in known:
            raise RefinezooError(
                f"model.class: expected {' or '.join(known)}, which do {self.kind.task}, received "
                f"{model['class']!r}.{did_you_mean(model['class'], known)}"
            )
        if training.get("freeze"):
            raise RefinezooError(
                f"training: freeze: {training['freeze']!r} trains on stored features, which "
                f"{self.kind.task} in a study does not. Leave it out; backbone_rate: 0 holds "
                "efficientnet_lite0 fast."
            )
        self.augmentation(training.get("augmentation"))

    def augmentation(self, value: Any, model: Any = None) -> Any:
        """What `training.augmentation` means, or None; this task knows none."""
        if value:
            raise RefinezooError(
                f"training.augmentation: {self.kind.task} in a study has none. Say false."
            )

    def arguments(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The constructor arguments of the model: `model.config`, and what the data say."""
        return dict(spec["model"]["config"])

    def read(self, part: dict[str, Any], model: Any) -> Any:
        """A labelled set to train on."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing.")

    def read_test(self, part: dict[str, Any], model: Any) -> Any:
        """The labelled set to measure on."""
        return self.read(part, model)

    def batches(self, data: Any, spec: dict[str, Any], model: Any, **stream: Any) -> Any:
        """Batches of a set; `stream` is batch_size, steps an epoch and seed.

        Of a set that is refined online also `online`, a `refinezoo.tasks.online.OnlineRefiner` that
        is asked for each render before it is augmented.
        """
        raise NotImplementedError(f"{type(self).__name__} makes no batches.")

    def unpaired(
        self, data: Any, photos: Any, spec: dict[str, Any], model: Any, **stream: int
    ) -> Any:
        """Batches of labelled renders and unlabelled photos, for a method that adapts."""
        raise RefinezooError(f"refiners: adapt: {self.kind.task} in a study has no such method.")

    def evaluate(self, model: Any, data: Any) -> Measured:
        """The metrics on the test set."""
        raise NotImplementedError(f"{type(self).__name__} measures nothing.")

    def kept_answers(self, model: Any, data: Any, predictions: Any) -> Sequence[Any] | None:
        """What `predictions`, as `evaluate` gives them, say of each image; None if they do not."""
        return None

    def pseudo_label(
        self, model: Any, photos: Sequence[Path], out: Path, score_threshold: float
    ) -> tuple[Path, dict[str, Any]]:
        """Writes photos with what a model is sure of in them; `tasks.pseudo_labels` asks for it.

        Args:
            model: of the kind, or an exported one.
            photos: files.
            out: the dataset's folder to write, which has copies of the photos.
            score_threshold: least score of a label.

        Returns:
            What `read` takes as `annotations`, where `images` is `out`; and `photos` (how many
            were looked at), `kept`, and what was labelled, by class.
        """
        raise NotImplementedError(f"{type(self).__name__} labels nothing.")

    def count(self, data: Any) -> int:
        """How many images a set has."""
        return len(data)

    def example(self, data: Any, row: int) -> Example:
        """One image of a set."""
        raise NotImplementedError(f"{type(self).__name__} shows nothing.")

    def references(self, sets: dict[str, Any], test: dict[str, Any], model: Any) -> dict[str, Any]:
        """What needs no training, to hold the metrics against: name -> metrics.

        Args:
            sets: those that the arms train on, by name.
            test: the set to measure on.
            model: the `model` section of the study.
        """
        return {}

    def photo_size(self, model: dict[str, Any]) -> tuple[int, int] | None:
        """Height and width to which a refiner that adapts sees photos, if the task says any."""
        return None

    # ---- what follows

    def prepare(
        self, spec: dict[str, Any], optimizer: Callable[[], Any], sizes: Sequence[int], steps: int
    ) -> Prepared:
        """The model, compiled, and batches of each set, of so many images."""
        stream = {"steps": steps, "seed": spec["seed"]}
        if any("adapt" in part for part in spec["sets"]):
            return self._adapting(spec, batch_size=sizes[0], **stream)
        model: Any = model_class(spec["model"]["class"])
        model = model(**self.arguments(spec))
        if spec["model"].get("init"):
            model.start_from(spec["model"]["init"])
        model.compile(optimizer())
        parts = [
            self.batches_of(part, spec, model, batch_size=size, **stream)
            for part, size in zip(spec["sets"], sizes, strict=True)
        ]
        return Prepared(model, model, parts)

    def batches_of(
        self, part: dict[str, Any], spec: dict[str, Any], model: Any, **stream: Any
    ) -> Any:
        """Batches of one set: of its stored `variants` in turn, or refined `online`."""
        from refinezoo.tasks.online import OnlineRefiner, TurnsBatches
        from refinezoo.tasks.pseudo_labels import labelled_by_teacher

        if "pseudo_labels" in part:
            return self.batches(labelled_by_teacher(self, part, model), spec, model, **stream)
        if "online" in part:
            stream["online"] = OnlineRefiner.of(part["online"], spec["seed"])
        parts = [part, *({**part, **more} for more in part.get("variants", ()))]
        sources = [self.batches(self.read(each, model), spec, model, **stream) for each in parts]
        return TurnsBatches(sources) if len(sources) > 1 else sources[0]

    def _adapting(self, spec: dict[str, Any], **stream: int) -> Prepared:
        model, part = adapting_model(spec, self.arguments(spec)), spec["sets"][0]
        model.compile()
        data, photos = self.read(part, model), self.read(part["unlabelled"], model)
        return Prepared(model, model, [self.unpaired(data, photos, spec, model, **stream)])

    def answers(self, model: Any, images: Any) -> Any:
        """What the kind predicts of images, by the model or by one that a method trained inside."""
        if not hasattr(model, "predict_task"):
            return model.predict(images, verbose=0)
        found = model.predict_task(np.stack(images))
        if not isinstance(found, dict):
            return found
        named = {name: found[name] for name in self.kind.outputs}
        return named if len(named) > 1 else next(iter(named.values()))

    def examples(self, data: Any, count: int) -> list[Example]:
        """Images of a set, evenly spaced, so that none is chosen by its result."""
        total = self.count(data)
        return [self.example(data, row) for row in range(0, total, max(1, total // count))][:count]


def folder_of(part: dict[str, Any]) -> Path:
    """The dataset's folder, of a set that is one: of `folder`, `masks` or `street`.

    Raises:
        RefinezooError: the set is of another kind.
    """
    annotations, images = Path(part["annotations"]), Path(part["images"])
    if not annotations.is_dir() or "digits" in part:
        raise RefinezooError(
            f"{part['name']}: expected the folder of a dataset, received another kind of set. Give "
            "synthetic.folder and real.folders in the study file."
        )
    return images if annotations == images else images.parent
