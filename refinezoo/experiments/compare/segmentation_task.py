"""Segmentation in a study: folders of images and masks, mean IoU on the real test masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError, did_you_mean


class Segmentation:
    """Semantic segmentation by DeepLab-v2, from scratch.

    `model.config` names the classes and the size: `class_names`, `ignore_id`, `image_size` (height
    and width, to which every image and mask is reduced).
    """

    metrics: tuple[str, ...] = ("mean_iou", "pixel_accuracy", "mean_accuracy")
    rule = (
        "one confusion matrix of all pixels of all test photos, at the model's image_size (masks "
        "reduced by nearest neighbour), void pixels left out; mean IoU over the classes that occur"
    )

    def check(self, model: dict[str, Any], training: dict[str, Any]) -> None:
        """Checks the class and its arguments, and the words of the augmentation."""
        if model["class"] != "DeepLabV2":
            raise RefinezooError(
                f"model.class: expected DeepLabV2, received {model['class']!r}."
                + did_you_mean(model["class"], ["DeepLabV2"])
            )
        for name in ("class_names", "image_size"):
            if not model["config"].get(name):
                raise RefinezooError(
                    f"model.config: expected {name}, received none. Masks hold numbers only: name "
                    "the classes and the height and width to train and measure at."
                )
        if training.get("freeze"):
            raise RefinezooError(
                f"training: freeze: {training['freeze']!r} trains on stored features, which "
                "segmentation in a study does not. Leave it out; backbone_rate: 0 holds "
                "efficientnet_lite0 fast."
            )
        _augmentation(training["augmentation"], 255)

    def prepare(self, spec: dict[str, Any]) -> tuple[Any, Any]:
        """Builds and compiles the model; each set fills its share of every batch."""
        from refinezoo.data.arrays import ArrayBatches
        from refinezoo.data.depth import AugmentedBatches
        from refinezoo.experiments.compare.training import (
            MixedBatches,
            optimizer,
            places,
            steps_per_epoch,
        )
        from refinezoo.tasks.segmentation import DeepLabV2

        training = spec["training"]
        try:
            model = DeepLabV2(**spec["model"]["config"])
        except TypeError as error:
            raise RefinezooError(f"model.config: DeepLabV2 does not take these: {error}.") from None
        if spec["model"].get("init"):
            model.start_from(spec["model"]["init"])
        model.compile(optimizer(training))
        augmentation = _augmentation(training["augmentation"], model.ignore_id)
        counts = places([part["share"] for part in spec["sets"]], training["batch_size"])
        steps, parts = steps_per_epoch(training), []
        for part, count in zip(spec["sets"], counts, strict=True):
            images, class_ids = _arrays(part, model)
            model.check_values((images, class_ids))
            batches: Any = ArrayBatches(
                (images, class_ids[..., None]), batch_size=count, steps=steps, seed=spec["seed"]
            )
            if augmentation is not None:
                pair = ("image", "class_ids")
                batches = AugmentedBatches(batches, augmentation, seed=spec["seed"], pair=pair)
            parts.append(batches)
        return model, MixedBatches(parts)

    def trained_part(self, model: Any) -> Any:
        """The model itself."""
        return model

    def evaluate(self, model: Any, test: dict[str, Any]) -> tuple[dict[str, float], Any]:
        """The metrics on the test photos."""
        found = model.evaluate_masks(*_arrays(test, model))
        return {name: float(found[name]) for name in self.metrics}, None

    def save(self, model: Any, folder: Path) -> None:
        """Keeps the model as a preset."""
        model.save_to_preset(folder)


def _arrays(part: dict[str, Any], model: Any) -> tuple[Any, Any]:
    from refinezoo.data.segmentation import read_segmentation_folder

    masks = Path(part["annotations"])
    if not masks.is_dir():
        raise RefinezooError(
            f"{part['name']}: expected masks for segmentation, received another kind of set. Give "
            "synthetic.masks or synthetic.street, and real.masks, in the study file."
        )
    found = read_segmentation_folder(masks.parent, model.image_size)
    return found["image"], found["class_ids"]


def _augmentation(value: Any, ignore_id: int) -> Any:
    from refinezoo.data.segmentation import SegmentationAugmentation

    if value in (False, None):
        return None
    settings = {} if value is True else value
    if not isinstance(settings, dict):
        raise RefinezooError(
            f"training.augmentation: expected true, false or a mapping, received {value!r}."
        )
    known = [name for name in SegmentationAugmentation.__dataclass_fields__ if name != "ignore_id"]
    for name in settings:
        if name not in known:
            raise RefinezooError(
                f"training.augmentation.{name} is not known ({', '.join(known)})."
                + did_you_mean(name, known)
            )
    chosen: dict[str, Any] = {
        name: tuple(inner) if isinstance(inner, list) else inner for name, inner in settings.items()
    }
    return SegmentationAugmentation(**chosen, ignore_id=ignore_id)
