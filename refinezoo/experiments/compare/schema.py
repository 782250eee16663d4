"""What a study's YAML file may say, and worded errors for what it may not."""

from __future__ import annotations

import os
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from refinezoo.config import Strict, read_yaml, validate
from refinezoo.errors import did_you_mean
from refinezoo.experiments.compare.names import check_names
from refinezoo.experiments.compare.set_schema import (
    LabelledSection,
    PseudoLabelsSection,
    RealSection,
    RefinerSection,
    SyntheticSection,
)
from refinezoo.models.limits import MAX_BATCH
from refinezoo.models.registry import task_of
from refinezoo.renames import renamed_keys

OPTIMIZERS = ("adam", "adamw", "sgd", "own")
SCHEDULES = ("cosine", "constant")


class DataSection(Strict):
    """Where relative paths of the file start: `root`, or the `data` argument of the run."""

    root: str | None = None


class ModelSection(Strict):
    """The downstream model that every arm trains, from scratch or from the weights of `init`.

    `task` is what its class does, unless it says otherwise.
    `init` is a zoo name or preset folder of the same architecture with whatever classes; what it
    has of the same name and shape is taken over. With `config: {backbone: efficientnet_lite0}` it
    may be `efficientnet_lite0_imagenet`. `{seed}` in it is the training's seed: a start of its own.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: str
    class_: str = Field(alias="class")
    config: dict[str, Any] = Field(default_factory=dict)
    task: str = ""
    init: str | None = None

    @model_validator(mode="after")
    def _task_of_class(self) -> ModelSection:
        self.task = self.task or task_of(self.class_) or "detection"
        return self


class TrainingSection(Strict):
    """The training that every arm gets: equal steps, the last weights, no look at the test set.

    `optimizer: own` is the model's own, with the rate and schedule that `model.config` says.
    `freeze` names a layer of a model that starts from `init`: up to it the weights stay, and the
    rest trains on the stored features of `augmented_images` images of each set.
    `backbone_rate` is the share of `learning_rate` at which the layers of a pretrained
    efficientnet_lite0 move, usually 0.1; it takes the optimizer adam.
    """

    steps: int = Field(gt=0)
    batch_size: int = Field(16, gt=0, le=MAX_BATCH)
    optimizer: str = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    backbone_rate: float | None = Field(None, ge=0, le=1)
    warmup: int = Field(0, ge=0)
    schedule: str = "cosine"
    weight_decay: float | None = None
    clipnorm: float | None = None
    ema: float | None = Field(None, gt=0, lt=1)
    augmentation: Any = True
    freeze: str | None = None
    augmented_images: int = Field(8000, gt=0)
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    backup_every: int = Field(100, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, content: Any) -> Any:
        return renamed_keys(content, "training", pictures="augmented_images")

    @field_validator("schedule", "optimizer")
    @classmethod
    def _known_word(cls, value: str, info: ValidationInfo) -> str:
        words = SCHEDULES if info.field_name == "schedule" else OPTIMIZERS
        if value.lower() not in words:
            raise ValueError(f"expected {' or '.join(words)}.{did_you_mean(value, words)}")
        return value

    @model_validator(mode="after")
    def _own_has_its_rate(self) -> TrainingSection:
        rates = ("learning_rate", "backbone_rate", "warmup", "weight_decay", "clipnorm", "ema")
        asked = [name for name in (*rates, "schedule") if name in self.model_fields_set]
        if self.optimizer == "own" and asked:
            raise ValueError(
                f"expected optimizer: own without {', '.join(asked)}: model.config says them"
            )
        return self

    @model_validator(mode="after")
    def _warmup_fits(self) -> TrainingSection:
        if self.warmup >= self.steps:
            raise ValueError(f"expected warmup below steps={self.steps}, received {self.warmup}")
        return self


class ArmSection(Strict):
    """One arm: the sets it trains on and the share of each batch that each set fills.

    `seeds` are those of the study's seeds that this arm is trained with; None is all of them.
    """

    sets: list[str] = Field(min_length=1)
    mix: dict[str, float] = Field(default_factory=dict)
    seeds: list[int] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _mix_names_sets(self) -> ArmSection:
        if len(set(self.sets)) != len(self.sets):
            raise ValueError(f"expected each set once, received {self.sets}")
        for name, share in self.mix.items():
            if name not in self.sets:
                raise ValueError(f"expected mix to name sets of the arm, received {name!r}")
            if not 0 < share < 1:
                raise ValueError(f"expected a mix share between 0 and 1, received {share}")
        rest = len(self.sets) - len(self.mix)
        total = sum(self.mix.values())
        if (rest == 0 and abs(total - 1) > 1e-6 and self.mix) or (rest > 0 and total >= 1):
            raise ValueError(f"expected mix shares that leave each set a part, they sum to {total}")
        return self

    def shares(self) -> dict[str, float]:
        """The fraction of each batch per set; what `mix` leaves open is divided evenly."""
        rest = [name for name in self.sets if name not in self.mix]
        left = 1.0 - sum(self.mix.values())
        return {name: self.mix.get(name, left / max(1, len(rest))) for name in self.sets}


class Study(Strict):
    """A whole study: data, refiners, one downstream model, arms, seeds and metrics.

    `sets` are further labelled ones to train on, as they lie; refiners refine `synthetic` alone.
    `pseudo_labels` are sets of photos that a model of this study, or another, has labelled.
    `settings` are those of the task (`refinezoo/tasks/*/study.py`); `metrics` are its first two.
    `measure_images` of each set are held against as many photos (`measures.py`); 0 leaves it out.
    """

    study: str = Field(min_length=1)
    out: str | None = None
    data: DataSection = Field(default_factory=DataSection)
    synthetic: SyntheticSection
    real: RealSection
    sets: dict[str, LabelledSection] = Field(default_factory=dict)
    refiners: dict[str, RefinerSection] = Field(default_factory=dict)
    pseudo_labels: dict[str, PseudoLabelsSection] = Field(default_factory=dict)
    model: ModelSection
    settings: dict[str, Any] = Field(default_factory=dict)
    training: TrainingSection
    arms: dict[str, ArmSection] = Field(min_length=1)
    seeds: list[int] = Field(default_factory=lambda: [0, 1, 2], min_length=1)
    metrics: list[str] = Field(default_factory=list)
    gains: list[tuple[str, str]] | None = None
    measure_images: int = Field(100, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, content: Any) -> Any:
        return renamed_keys(content, "study", measure_pictures="measure_images")

    @field_validator("arms", mode="before")
    @classmethod
    def _short_arms(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            str(name): {"sets": arm} if isinstance(arm, list) else arm
            for name, arm in value.items()
        }

    @model_validator(mode="after")
    def _names_fit(self) -> Study:
        check_names(self)
        return self


def read_study(path: str | os.PathLike) -> Study:
    """Reads and checks a study's YAML file.

    Raises:
        RefinezooError: the file is missing, is not YAML, or says something the schema does not
            know; every problem is named with its place in the file.
    """
    return validate(Study, read_yaml(path), str(path))
