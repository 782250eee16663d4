"""What a study's file may say of its sets: where the renders come from, and the photos."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from refinezoo.config import Strict
from refinezoo.data.image_size import ImageSizeField
from refinezoo.errors import RefinezooError
from refinezoo.models.registry import model_class, model_names
from refinezoo.renames import renamed_keys


class DigitsSection(Strict):
    """Digits by `refinezoo.data.digits.load_digits`; with `photos` MNIST-M, per split a folder.

    `measured_on: validation` measures the arms on 1,000 digits of train, to choose a recipe.
    """

    file: str
    measured_on: Literal["test", "validation"] = "test"
    photos: dict[Literal["train", "test"], str] | None = None
    image_size: ImageSizeField = 28
    seed: int = Field(0, ge=0)


class StreetSection(Strict):
    """Street frames by `refinezoo.scenes.street.render_street`."""

    count: int = Field(2000, gt=0)
    image_size: ImageSizeField = [240, 320]
    seed: int = Field(0, ge=0)


class LabelledSection(Strict):
    """A labelled set as it lies: of a second renderer, or refined by another tool.

    `coco` is a COCO file, or the folder of a dataset with boxes (COCO, VOC, YOLO); `masks`, for
    segmentation, a folder with `images/` and `masks/`; `folder` a dataset that the task reads by
    itself.
    """

    coco: str | None = Field(None, min_length=1)
    masks: str | None = Field(None, min_length=1)
    folder: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _one_of(self) -> LabelledSection:
        *ways, last = type(self).model_fields
        if [getattr(self, way) for way in (*ways, last)].count(None) != len(ways):
            raise ValueError(f"expected exactly one of {', '.join(ways)} and {last}")
        return self


class SyntheticSection(LabelledSection):
    """The synthetic set, which refiners refine: as it lies, or digits, or made by the study.

    `compose` has the arguments of `compose_scenes`, `street` those of `render_street`.
    """

    compose: dict[str, Any] | None = None
    digits: DigitsSection | None = None
    street: StreetSection | None = None


class RealSection(Strict):
    """The real sets: COCO files (or folders of VOC or YOLO) for train, val and test.

    `unlabelled` are folders and patterns of photos, for refiners that adapt to them.

    Or `digits`, whose standard splits are train (without labels for refiners) and test. Or, for
    segmentation, `masks`: per split a folder with `images/` and `masks/`. `folders` are, per split,
    a dataset that the task reads by itself.
    """

    train: str | None = None
    val: str | None = None
    test: str | None = None
    images: str | None = None
    unlabelled: list[str] = Field(default_factory=list)
    digits: DigitsSection | None = None
    masks: dict[Literal["train", "val", "test"], str] | None = None
    folders: dict[Literal["train", "val", "test"], str] | None = None

    @model_validator(mode="after")
    def _one_of(self) -> RealSection:
        if [self.test, self.digits, self.masks, self.folders].count(None) != 3:
            raise ValueError("expected exactly one of test, digits, masks and folders")
        for key, splits in (("masks", self.masks), ("folders", self.folders)):
            if splits is not None and "test" not in splits:
                raise ValueError(f"expected {key} to name a folder for test")
        return self

    def has_train(self) -> bool:
        """Whether there are labelled photos to train on."""
        return bool(self.train or self.digits or "train" in (self.masks or self.folders or {}))


def check_ways(study: Any, ways: tuple[str, ...]) -> None:
    """Raises a RefinezooError where a study names a set in none of the `ways` of its task."""
    named = {"synthetic": study.synthetic, "real": study.real}
    named |= {f"sets.{name}": section for name, section in study.sets.items()}
    for key, section in named.items():
        known = {way: way for way in type(section).model_fields if way in ALL_WAYS}
        known |= {"test": "coco", "folders": "folder"} if key == "real" else {}
        able = [f"{key}.{name}" for name, way in known.items() if way in ways]
        for name, way in known.items():
            if getattr(section, name) is not None and way not in ways:
                raise RefinezooError(
                    f"expected {' or '.join(able)}, where {study.model.task} finds its labels, "
                    f"received {key}.{name}. docs/studies.md says what each names."
                )


ALL_WAYS = tuple(SyntheticSection.model_fields)


class PseudoLabelsSection(Strict):
    """Photos of `real.unlabelled`, else of train, with the labels of which a model is sure.

    The model is what `arm` trained with the same seed, or a `preset` (zoo name or folder).
    `score_threshold` is the task's, unless it is said (`refinezoo.tasks.pseudo_labels`).
    """

    arm: str | None = None
    preset: str | None = None
    score_threshold: float | None = Field(None, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _one_of(self) -> PseudoLabelsSection:
        if (self.arm is None) == (self.preset is None):
            raise ValueError("expected exactly one of arm and preset")
        return self


class RefinerSection(Strict):
    """One refiner: a zoo name or preset folder, or `adapt`, a class that adapts to real photos.

    A class that learns nothing, as Reinhard, keeps their statistics. One with a task model inside,
    as PixelDA, trains both: such an arm trains it anew with each seed. `masks` says where the
    photos' foreground masks come from, for a class that takes them, when no folder holds them:
    `grabcut`, or a detector or segmenter (zoo name or preset folder).

    Many refinements of each render, of a refiner that draws: `variants: K` stores K, drawn with the
    seeds 0 to K - 1; `online: true` stores none and refines each render anew whenever a training
    shows it, with a strength between `least_strength` and `strength`, if that is said.

    A `strength` of two is that of objects and of the rest, for renders with `foreground_masks/`.
    `over` names another refiner, whose set is painted over in place of the renders: where the
    strength is 0, its pixels stay.
    """

    preset: str | None = None
    adapt: dict[str, Any] | None = None
    strength: Any = 1.0
    over: str | None = None
    masks: str | None = None
    variants: int | None = Field(None, ge=1, le=64)
    online: bool | None = None
    least_strength: float | None = Field(None, ge=0.0, le=1.0)

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, content: Any) -> Any:
        return renamed_keys(content, "refiners", fit="adapt")

    @field_validator("strength")
    @classmethod
    def _one_or_two(cls, value: Any) -> float | tuple[float, float]:
        from refinezoo.refinement.checks import checked_strength

        try:
            return checked_strength(value)
        except RefinezooError:
            raise ValueError(
                "expected a number from 0 to 1, or two: of objects and of the rest"
            ) from None

    @model_validator(mode="after")
    def _one_of(self) -> RefinerSection:
        if (self.preset is None) == (self.adapt is None):
            raise ValueError("expected exactly one of preset and adapt")
        if self.adapt is not None and "class" not in self.adapt:
            raise ValueError("expected adapt to name a class, as in adapt: {class: Name}")
        return self

    @model_validator(mode="after")
    def _many_fit(self) -> RefinerSection:
        if self.online and self.variants is not None:
            raise ValueError("expected variants or online, received both: online stores none")
        if self.online and (self.over or not isinstance(self.strength, float)):
            raise ValueError("expected online with one strength and without over")
        if self.over and self.strength in (1.0, (1.0, 1.0)):
            raise ValueError(
                f"expected a strength below 1 beside over: {self.over}, of which nothing would be "
                "seen, such as strength: [0, 1]"
            )
        if self.least_strength is not None:
            if not self.online:
                raise ValueError("expected online: true beside least_strength, received none")
            if self.least_strength >= self.strength:
                raise ValueError(
                    f"expected least_strength below strength={self.strength}, received "
                    f"{self.least_strength}"
                )
        if self.trains and (self.online or self.variants is not None or self.over):
            name = (self.adapt or {})["class"]
            raise ValueError(
                f"expected {name} without variants, online and over: it refines as it trains"
            )
        return self

    @property
    def trains(self) -> bool:
        """Whether adapting trains the refiner and a task model, together."""
        name = (self.adapt or {}).get("class")
        return name in model_names() and hasattr(model_class(name), "with_task")
