"""What a training config names: the refiner, its statistics, the data it learns from."""

from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.experiments.photo_masks import mask_function
from refinezoo.experiments.train.config import TrainingConfig
from refinezoo.models.limits import check_sizes, within_limits
from refinezoo.models.registry import model_class


def build_refiner(config: TrainingConfig) -> Any:
    """The refiner that a config names, seeded; or that of its `init`, loaded.

    Raises:
        RefinezooError: a class that refines nothing, or arguments that it does not take.
    """
    import keras

    from refinezoo.models.presets import read_preset
    from refinezoo.zoo import find, load

    found: Any = None
    if config.init is not None:
        found = find(config.init)
        found = read_preset(found) if isinstance(found, Path) else found
    name = config.refiner or found.class_name
    if found is not None and found.class_name != name:
        raise RefinezooError(
            f"init: expected a {name}, as refiner says, received a {found.class_name} in "
            f"{config.init!r}. Leave refiner out."
        )
    cls: Any = model_class(name)
    if not hasattr(cls, "refine"):
        raise RefinezooError(
            f"expected a refiner, received {name}: it refines nothing. To train it on labels say "
            f"model: {{class: {name}}} in place of refiner (docs/train_your_own.md)."
        )
    keras.utils.set_random_seed(config.seed)
    check_sizes(config.arguments, "arguments")
    arguments = dict(config.arguments)
    if config.labels is not None:
        from refinezoo.data.labels import read_labels

        names = arguments.setdefault("class_names", read_labels(config.labels).class_names)
        if found is not None and found.config.get("class_names", names) != names:
            raise RefinezooError(
                f"labels: expected the classes that {config.init!r} knows, "
                f"{found.config['class_names']}, received {names}. Train a new refiner on them."
            )
    if found is not None:
        return load(str(config.init), arguments=arguments)
    try:
        with within_limits("arguments"):
            return cls(**arguments)
    except (TypeError, ValueError) as error:
        raise RefinezooError(
            f"arguments: {name} does not take them: {str(error).rstrip('.')}. See "
            f"help(refinezoo.refiners.{name})."
        ) from None


def adapt_refiner(refiner: Any, config: TrainingConfig) -> None:
    """Gives statistics of the real photos, and of the renders, to refiners that keep some."""
    if not hasattr(refiner, "adapt") or getattr(refiner, "colour", True) is None:
        return
    from refinezoo.data import images_and_masks, read_image

    photos: Any = _images(config.colours or config.real)
    renders: Any = _images(config.synthetic)
    if getattr(refiner, "use_mask", False):
        make, resize = mask_function(config.masks), config.resize_masks
        photos = images_and_masks(photos, make, resize_masks=resize)
        renders = images_and_masks(renders, resize_masks=resize)
    else:
        photos, renders = map(read_image, photos), map(read_image, renders)
    refiner.adapt(photos, seed=config.seed, renders=renders)


def _images(sources: str | list[str]) -> list[Path]:
    """The images of folders, datasets and patterns, in order."""
    from refinezoo.data import list_images

    listed = [sources] if isinstance(sources, str) else sources
    return [path for source in listed for path in list_images(source)]


def training_data(config: TrainingConfig, steps: int, refiner: Any) -> Any:
    """Batches of renders and photos, `steps` an epoch, with the labels that the refiner needs."""
    from refinezoo import data

    settings: dict[str, Any] = {}
    if config.masks is not None:
        settings["masks"] = mask_function(config.masks)
    if config.matched_crops:
        from refinezoo.refiners.judged import crop_descriptor

        settings["matched_crops"] = data.MatchedCrops(crop_descriptor())
    if task := getattr(refiner, "task", None):
        settings |= task.model.kind.label_settings(task.model)
    return data.unpaired(
        config.synthetic,
        config.real,
        image_size=config.image_size,
        batch_size=config.batch_size,
        crop=config.crop,
        augment=config.augment,
        seed=config.seed,
        steps=steps,
        labels=config.labels,
        resize_masks=config.resize_masks,
        **settings,
    )
