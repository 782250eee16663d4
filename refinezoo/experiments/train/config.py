"""What `refinezoo train CONFIG.yaml key=value ...` may be told."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from refinezoo.config import Strict, override, read_yaml, validate
from refinezoo.data.image_size import ImageSizeField, height_and_width
from refinezoo.experiments.photo_masks import checked_source
from refinezoo.experiments.train.task import TaskTraining
from refinezoo.models.limits import LARGEST, MAX_BATCH

LEAST_SIDE = 16  # pixels, of a training crop


class TrainingConfig(Strict):
    """One training run of a refiner.

    Paths are relative to the folder in which the command runs.
    """

    refiner: str | None = Field(
        default=None, description="a class of refinezoo.refiners, for example CycleGAN; or `init`"
    )
    init: str | None = Field(
        default=None,
        description="name of the zoo or preset folder whose refiner is trained on (fine-tuning)",
    )
    arguments: dict[str, Any] = Field(
        default={}, description="of its constructor; with `init`, those that shall differ"
    )
    synthetic: str = Field(
        description="folder of renders or of a dataset (docs/datasets.md), COCO file, or pattern "
        "such as rgb/**/*.png"
    )
    real: str | list[str] = Field(
        description="unlabelled real photos: folders, or patterns such as photos/**/*.jpg"
    )
    colours: str | list[str] | None = Field(
        default=None, description="photos whose colour statistics are kept; as `real` by default"
    )
    labels: str | None = Field(
        default=None,
        description="CSV file of the renders' classes and rotations, for PixelDA "
        "(file,class or file,class,qw,qx,qy,qz)",
    )
    masks: str | None = Field(
        default=None,
        description="where foreground masks come from when no folder holds them: grabcut, or the "
        "zoo name or preset folder of a detector or segmenter",
    )
    resize_masks: bool = Field(
        default=False, description="bring masks of another size to their render's (nearest)"
    )
    image_size: ImageSizeField = Field(
        default=128, description="side of the training crops, or [height, width], pixels"
    )
    crop: str = Field(default="random", description="how crops are cut (refinezoo.data.unpaired)")
    matched_crops: bool = Field(
        default=False,
        description="show crops of renders with crops of photos of alike content (ImageNet "
        "features; half an image's side); matched_crops.json says what has no counterpart",
    )
    augment: bool = True
    batch_size: int = Field(default=1, ge=1, le=MAX_BATCH)
    steps: int | None = Field(
        default=None, ge=1, description="optimizer steps in all; refiners that only adapt need none"
    )
    steps_per_epoch: int = Field(default=200, ge=1, description="most steps between checkpoints")
    keep_every: int | None = Field(
        default=None,
        ge=1,
        description="steps after which a preset is kept in presets/, for --select to choose from",
    )
    samples: int = Field(default=4, ge=0, le=MAX_BATCH, description="renders in the sample grids")
    guards: bool = Field(
        default=True, description="stop at collapse, colour flip or an idle discriminator"
    )
    tensorboard: bool | None = Field(
        default=None,
        description="losses and sample grids for TensorBoard; on by default if TensorFlow trains",
    )
    precision: Literal["float32", "mixed_bfloat16"] = Field(
        default="float32", description="of the computation; weights stay float32"
    )
    seed: int = Field(default=0, ge=0)
    out: str = Field(
        description="folder of the run; an unfinished run there is resumed, and a finished one "
        "extended by more `steps`"
    )

    @field_validator("image_size")
    @classmethod
    def _of_a_crop(cls, value: int | list[int]) -> int | list[int]:
        sides, most = height_and_width(value), LARGEST["image_size"]
        if min(sides) < LEAST_SIDE or max(sides) > most:
            raise ValueError(f"expected sides of {LEAST_SIDE} to {most:,} pixels")
        return value

    @field_validator("masks")
    @classmethod
    def _masks_are_there(cls, value: str | None) -> str | None:
        return checked_source(value)

    @model_validator(mode="after")
    def _names_a_refiner(self) -> "TrainingConfig":
        if self.refiner is None and self.init is None:
            raise ValueError("expected refiner: CLASS, or init: NAME_OR_PRESET to train on")
        return self


def read_config(
    path: str | os.PathLike, overrides: list[str] | tuple[str, ...] = ()
) -> TrainingConfig | TaskTraining:
    """The checked config of a YAML file: with `model`, of a task's model, else of a refiner.

    Args:
        path: the YAML file.
        overrides: `"key=value"`, the value in YAML; dots reach inside: `"arguments.width=24"`.

    Raises:
        RefinezooError: names each wrong field and its remedy.
    """
    values = read_yaml(path)
    if values is None:
        values = {}
    for each in overrides:
        override(values, each)
    if isinstance(values, dict) and "model" in values:
        return validate(TaskTraining, values, str(Path(path)))
    return validate(TrainingConfig, values, str(Path(path)))
