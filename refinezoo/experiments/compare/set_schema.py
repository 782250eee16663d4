"""What a study's file may say of its sets: where the renders come from, and the photos."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from refinezoo.config import Strict


class DigitsSection(Strict):
    """Digits by `refinezoo.data.digits.load_digits`; with `photos` MNIST-M, per split a folder.

    `measured_on: validation` measures the arms on 1,000 digits of train, to choose a recipe.
    """

    file: str
    measured_on: Literal["test", "validation"] = "test"
    photos: dict[Literal["train", "test"], str] | None = None
    image_size: int = Field(28, ge=8)
    seed: int = Field(0, ge=0)


class StreetSection(Strict):
    """Street frames by `refinezoo.scenes.street.render_street`."""

    count: int = Field(2000, gt=0)
    image_size: tuple[int, int] = (240, 320)
    seed: int = Field(0, ge=0)


class SyntheticSection(Strict):
    """The synthetic set: composed with the arguments of `compose_scenes`, read as COCO, digits.

    `coco` is a COCO file, or the folder of a dataset with boxes (COCO, VOC, YOLO). For
    segmentation, rendered by `street`, or `masks`: a folder with `images/` and `masks/`. `folder`
    is a dataset that the task reads by itself.
    """

    compose: dict[str, Any] | None = None
    coco: str | None = None
    digits: DigitsSection | None = None
    masks: str | None = None
    street: StreetSection | None = None
    folder: str | None = None

    @model_validator(mode="after")
    def _one_of(self) -> SyntheticSection:
        ways = [self.compose, self.coco, self.digits, self.masks, self.street, self.folder]
        if ways.count(None) != len(ways) - 1:
            raise ValueError(
                "expected exactly one of compose, coco, digits, masks, street and folder"
            )
        return self


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
