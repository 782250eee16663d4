"""The registered classes of models: what a preset or a config may name."""

import importlib
from typing import Any

from refinezoo.errors import RefinezooError, did_you_mean

# The only classes that a preset may name: a file never decides which code runs.
REGISTRY: dict[str, str] = {
    "Classifier": "refinezoo.tasks.classification.classifier:Classifier",
    "CycleGAN": "refinezoo.refiners:CycleGAN",
    "CycleGANForegroundBackground": "refinezoo.refiners:CycleGANForegroundBackground",
    "DeepLabV2": "refinezoo.tasks.segmentation:DeepLabV2",
    "DepthUNet": "refinezoo.tasks.depth.depth_unet:DepthUNet",
    "FDA": "refinezoo.refiners:FDA",
    "ObstacleRange": "refinezoo.tasks.obstacle_range.obstacle_range:ObstacleRange",
    "PVANET": "refinezoo.tasks.detection:PVANET",
    "PixelDA": "refinezoo.refiners:PixelDA",
    "PoseTower": "refinezoo.tasks.pose.pose_tower:PoseTower",
    "Reinhard": "refinezoo.refiners:Reinhard",
    "SimGAN": "refinezoo.refiners:SimGAN",
    "SSD300": "refinezoo.tasks.detection:SSD300",
    "T2Net": "refinezoo.refiners:T2Net",
    "YOLOv3": "refinezoo.tasks.detection:YOLOv3",
}


def model_class(name: str) -> type:
    """The class registered under `name`, for example `"CycleGAN"`."""
    if name not in REGISTRY:
        raise RefinezooError(
            f"expected a registered model class, received {name!r}."
            f"{did_you_mean(name, REGISTRY)} Registered: {', '.join(sorted(REGISTRY))}."
        )
    module, _, attribute = REGISTRY[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def build(class_name: str, config: dict[str, Any], where: str) -> Any:
    """A model of a registered class from its constructor arguments, without trained weights."""
    cls: Any = model_class(class_name)
    try:
        return cls.from_config(dict(config))
    except RefinezooError:
        raise
    except (TypeError, ValueError, KeyError) as error:
        raise RefinezooError(
            f"{where}: {class_name} cannot be built from its config: {error}. "
            "Expected the arguments of its constructor; was the file edited, or written by "
            "another version of refinezoo?"
        ) from error
