"""What a study needs of a downstream task: to build a model, feed it, measure it, keep it.

A new task is one class with the five members of `Task` and one line in `TASKS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.experiments.compare.segmentation_task import Segmentation


class Task(Protocol):
    """One downstream task.

    A `spec` is what `compare_downstream` writes for each training: model (name, class, config),
    training, sets (annotations, images, share), test (annotations, images), seed.
    """

    metrics: tuple[str, ...]
    rule: str  # how they are measured, in words

    def check(self, model: dict[str, Any], training: dict[str, Any]) -> None:
        """Raises a RefinezooError for a model or training that this task cannot make."""

    def prepare(self, spec: dict[str, Any]) -> tuple[Any, Any]:
        """Returns the compiled model and the batches (`MixedBatches`) that it trains on."""

    def trained_part(self, model: Any) -> Any:
        """The compiled Keras model to fit: the model itself, or a part that shares its layers."""

    def evaluate(self, model: Any, test: dict[str, str]) -> tuple[dict[str, float], Any]:
        """Returns the metrics on the real test set, and the predictions as JSON or None."""

    def save(self, model: Any, folder: Path) -> None:
        """Keeps the trained model, so that `refinezoo.load(folder)` reads it."""


class Detection:
    """Detection: boxes and classes, average precision by COCO's rules."""

    metrics: tuple[str, ...] = ("AP", "AP50", "AP75")
    rule = "pycocotools COCOeval on all test photos; ignore_regions are crowd boxes"

    def check(self, model: dict[str, Any], training: dict[str, Any]) -> None:
        """Checks the class of the detector and the words of the augmentation."""
        _detector_class(model["class"])
        _augmentation(training["augmentation"])

    def prepare(self, spec: dict[str, Any]) -> tuple[Any, Any]:
        """Builds and compiles the detector; each set fills its share of every batch.

        The classes are those of the test set.
        """
        from refinezoo.experiments.compare.training import (
            MixedBatches,
            optimizer,
            places,
            steps_per_epoch,
        )
        from refinezoo.tasks.detection import DetectionBatches

        training = spec["training"]
        classes = _coco(spec["test"]).class_names
        detector = _detector_class(spec["model"]["class"])(classes, **spec["model"]["config"])
        if spec["model"].get("init"):
            detector.start_from(spec["model"]["init"])
        detector.compile(optimizer(training))
        counts = places([part["share"] for part in spec["sets"]], training["batch_size"])
        steps = steps_per_epoch(training)
        if training["freeze"]:
            return detector, self._frozen(detector, spec, counts, steps)
        parts = [
            DetectionBatches(
                _coco(part),
                detector,
                batch_size=count,
                steps=steps,
                augmentation=_augmentation(training["augmentation"]),
                seed=spec["seed"],
            )
            for part, count in zip(spec["sets"], counts, strict=True)
        ]
        return detector, MixedBatches(parts)

    def _frozen(self, detector: Any, spec: dict[str, Any], counts: list[int], steps: int) -> Any:
        from refinezoo.experiments.compare.training import MixedBatches, optimizer
        from refinezoo.tasks.detection import DetectionBatches
        from refinezoo.tasks.detection.frozen import FeatureBatches

        training = spec["training"]
        trunk, upper = detector.split_at(training["freeze"])
        trunk.trainable = False
        upper.compile(optimizer(training), loss=detector.loss, jit_compile=False)
        object.__setattr__(detector, "trained_part", upper)  # shares layers: not to be tracked
        parts = []
        for part, count in zip(spec["sets"], counts, strict=True):
            pictures = DetectionBatches(
                _coco(part),
                detector,
                batch_size=16,
                steps=-(-training["pictures"] // 16),
                augmentation=_augmentation(training["augmentation"]),
                seed=spec["seed"],
            )
            parts.append(FeatureBatches(pictures, trunk, count, steps=steps, seed=spec["seed"]))
        return MixedBatches(parts)

    def trained_part(self, model: Any) -> Any:
        """The detector, or the layers above `training.freeze`."""
        return getattr(model, "trained_part", model)

    def evaluate(self, model: Any, test: dict[str, str]) -> tuple[dict[str, float], Any]:
        """Average precision on the test photos, and the detections as COCO results."""
        from refinezoo.metrics.detection import coco_average_precision

        dataset = _coco(test)
        detections = model.detect(dataset)
        scores = coco_average_precision(dataset.truth(), detections)
        return {name: float(scores[name]) for name in self.metrics}, detections

    def save(self, model: Any, folder: Path) -> None:
        """Keeps the detector as a preset."""
        from refinezoo.models.presets import save_to_preset

        save_to_preset(model, folder)


class Classification:
    """Classification of digits by a task tower: the share of right answers.

    An arm whose set says `adapt` trains that method (PixelDA) on the labelled synthetic and the
    unlabelled real images, for as many steps as the other arms; then its own task tower, of the
    same architecture, is measured.
    """

    metrics: tuple[str, ...] = ("accuracy",)
    rule = "share of all test images whose most probable class is theirs"

    def check(self, model: dict[str, Any], training: dict[str, Any]) -> None:
        """Checks the class of the model, and that nothing is asked for that digits lack."""
        if model["class"] != "Classifier":
            raise RefinezooError(
                f"model.class: expected Classifier, received {model['class']!r}."
                + did_you_mean(model["class"], ["Classifier"])
            )
        asked = [key for key in ("freeze", "augmentation") if training.get(key)]
        asked += ["init"] if model.get("init") else []
        if asked:
            raise RefinezooError(
                f"{', '.join(asked)}: not for classification. Leave it out, with "
                "augmentation: false."
            )

    def prepare(self, spec: dict[str, Any]) -> tuple[Any, Any]:
        """Builds and compiles the classifier, or the method that trains it, and the batches."""
        from refinezoo.data.arrays import ArrayBatches, UnpairedArrays
        from refinezoo.experiments.compare.training import (
            MixedBatches,
            optimizer,
            places,
            steps_per_epoch,
        )
        from refinezoo.tasks.classification.classifier import Classifier

        training, config = spec["training"], spec["model"]["config"]
        steps, seed = steps_per_epoch(training), spec["seed"]
        names = [str(digit) for digit in range(10)]
        first = spec["sets"][0]
        if "adapt" in first:
            model = _adapted(first["adapt"], names, config, seed)
            images, labels = _digits(first)
            unlabelled, _ = _digits(first["unlabelled"])
            batches = UnpairedArrays(
                {"image": images, "label": labels},
                {"image": unlabelled},
                batch_size=training["batch_size"],
                steps=steps,
                seed=seed,
            )
            return model, MixedBatches([batches])
        classifier = Classifier(names, **config)
        classifier.compile(optimizer(training))
        counts = places([part["share"] for part in spec["sets"]], training["batch_size"])
        parts: list[Any] = [
            ArrayBatches(_digits(part), batch_size=count, steps=steps, seed=seed)
            for part, count in zip(spec["sets"], counts, strict=True)
        ]
        return classifier, MixedBatches(parts)

    def trained_part(self, model: Any) -> Any:
        """The model itself."""
        return model

    def evaluate(self, model: Any, test: dict[str, Any]) -> tuple[dict[str, float], Any]:
        """Accuracy on the test images."""
        images, labels = _digits(test)
        return {"accuracy": float((model.predict_labels(images) == labels).mean())}, None

    def save(self, model: Any, folder: Path) -> None:
        """Keeps the classifier, or the refiner with its task tower, as a preset."""
        model.save_to_preset(folder)


TASKS: dict[str, Task] = {
    "detection": Detection(),
    "classification": Classification(),
    "segmentation": Segmentation(),
}


def task_named(name: str) -> Task:
    """The task that a study's `model.task` names.

    Raises:
        RefinezooError: there is no such task.
    """
    if name not in TASKS:
        raise RefinezooError(
            f"model.task: expected one of {', '.join(TASKS)}, received {name!r}."
            + did_you_mean(name, TASKS)
        )
    return TASKS[name]


def _coco(part: dict[str, Any]) -> Any:
    from refinezoo.data.coco import CocoDataset

    return CocoDataset.load(part["annotations"], part["images"])


def _digits(part: dict[str, Any]) -> Any:
    from refinezoo.data.digits import load_digits

    if "digits" not in part:
        raise RefinezooError(
            f"{part['name']}: expected digits for classification, received a COCO set. "
            "Give digits: {file: ...} in the study file."
        )
    settings = dict(part["digits"])
    photos = part["images"] if settings.pop("with_photos") else None
    return load_digits(part["annotations"], settings.pop("split"), photos=photos, **settings)


def _adapted(adapt: dict[str, Any], names: list[str], config: dict[str, Any], seed: int) -> Any:
    """The compiled method of `refiners.NAME.adapt`, with the task tower of `model.config`."""
    from refinezoo.refiners import PixelDA

    settings = dict(adapt)
    if settings.pop("class") != "PixelDA":
        raise RefinezooError(
            f"refiners: adapt.class: expected PixelDA, received {adapt['class']!r}."
            + did_you_mean(adapt["class"], ["PixelDA"])
        )
    tower = {"image_size": config.get("image_size", 32), "tower": config.get("tower", "mnist")}
    try:
        model = PixelDA(
            class_names=names,
            **tower,
            tower_width=config.get("width", 1.0),
            tower_dropout=config.get("dropout"),
            seed=seed,
            **settings,
        )
    except (TypeError, ValueError) as error:
        raise RefinezooError(f"refiners: adapt: PixelDA does not take these: {error}.") from None
    model.compile()
    return model


def _detector_class(name: str) -> Any:
    from refinezoo.tasks import detection

    known = [
        word
        for word in detection.__all__
        if word not in ("Detector", "Augmentation", "DetectionBatches")
    ]
    if name not in known:
        raise RefinezooError(
            f"model.class: expected a detector ({', '.join(known)}), received {name!r}."
            + did_you_mean(name, known)
        )
    return getattr(detection, name)


def _augmentation(value: Any) -> Any:
    from refinezoo.tasks.detection import Augmentation

    if value is True:
        return Augmentation()
    if value in (False, None):
        return None
    if isinstance(value, dict):
        known = list(Augmentation.__dataclass_fields__)
        for name in value:
            if name not in known:
                raise RefinezooError(
                    f"training.augmentation.{name} is not known ({', '.join(known)})."
                    + did_you_mean(name, known)
                )
        arguments: dict[str, Any] = {
            name: tuple(inner) if isinstance(inner, list) else inner
            for name, inner in value.items()
        }
        return Augmentation(**arguments)
    raise RefinezooError(
        f"training.augmentation: expected true, false or a mapping, received {value!r}."
    )
