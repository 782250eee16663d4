"""The sets of a study that lie on disk, read where they are."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare.recipe import dataset_fingerprint, files_fingerprint, recipe_hash
from refinezoo.experiments.compare.schema import Study
from refinezoo.experiments.compare.set_schema import DigitsSection, LabelledSection


@dataclass(frozen=True)
class PreparedSet:
    """A set on disk with the hash of its content.

    COCO: `annotations` is the file, `images` the folder. Digits: `annotations` is the file of the
    digits, `images` the folder of photos (or of the digits), `details` the rest. Masks:
    `annotations` is the folder of masks, beside that of the images. A folder: both are that.
    """

    name: str
    annotations: Path
    images: Path
    fingerprint: str
    made_from: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def located(self) -> dict[str, Any]:
        """The set as a training's spec names it, with whole paths."""
        return {
            "name": self.name,
            "annotations": str(self.annotations.resolve()),
            "images": str(self.images.resolve()),
            **self.details,
        }


class FoundSets:
    """What the study file names below its data root."""

    def __init__(self, study: Study, root: Path) -> None:
        self.study, self.root = study, root

    def real(self, split: str) -> PreparedSet:
        """A split of the real photos, where it lies."""
        if (digits := self.study.real.digits) is not None:
            return self.digits("real", digits, digits.measured_on if split == "test" else split)
        name = "real" if split == "train" else f"real_{split}"
        if (masks := self.study.real.masks) is not None:
            return self.masks(name, masks[split], f"real.masks.{split}")  # type: ignore[index]
        if (folders := self.study.real.folders) is not None:
            return self.whole(name, folders[split], f"real.folders.{split}")  # type: ignore[index]
        source = self.path(getattr(self.study.real, split), f"real.{split}")
        images = self.images_of(source, self.study.real.images)
        return PreparedSet(name, source, images, dataset_fingerprint(source, images))

    def synthetic(self) -> PreparedSet | None:
        """The synthetic scenes; None where the study makes them."""
        section = self.study.synthetic
        if section.digits is not None:
            return self.digits("synthetic", section.digits, "train")
        return self.labelled("synthetic", section, "synthetic")

    def labelled(self, name: str, section: LabelledSection, key: str) -> PreparedSet | None:
        """A labelled set where it lies; None of a section that names none."""
        if section.coco is not None:
            source = self.path(section.coco, f"{key}.coco")
            source = (
                source / "annotations.json" if (source / "annotations.json").is_file() else source
            )
            images = self.images_of(source, None)
            return PreparedSet(name, source, images, dataset_fingerprint(source, images))
        if section.masks is not None:
            return self.masks(name, section.masks, f"{key}.masks")
        if section.folder is not None:
            return self.whole(name, section.folder, f"{key}.folder")
        return None

    def masks(self, name: str, value: str, key: str) -> PreparedSet:
        """A folder with `images/` and `masks/`, where it lies."""
        source = self.path(value, key)
        masks, images = source / "masks", source / "images"
        if missing := [folder.name for folder in (images, masks) if not folder.is_dir()]:
            raise RefinezooError(
                f"{key}: expected a folder with images/ and masks/, received {value!r} without "
                f"{'/ and '.join(missing)}/."
            )
        return PreparedSet(name, masks, images, dataset_fingerprint(masks, images))

    def whole(self, name: str, value: str, key: str) -> PreparedSet:
        """A dataset's folder, where it lies, for the task to read."""
        source = self.path(value, key)
        if not source.is_dir():
            raise RefinezooError(f"{key}: expected a folder, received the file {value!r}.")
        return PreparedSet(name, source, source, dataset_fingerprint(source, source))

    def digits(self, key: str, section: DigitsSection, split: str) -> PreparedSet:
        """A split of digits, where they lie."""
        from refinezoo.data import list_images

        source = self.path(section.file, f"{key}.digits.file")
        files = sorted(source.iterdir()) if source.is_dir() else [source]
        settings = {"split": split, "image_size": section.image_size, "seed": section.seed}
        images, with_photos = source.parent, section.photos is not None
        if section.photos is not None:
            whole = "train" if split == "validation" else split
            if whole not in section.photos:
                raise RefinezooError(
                    f"{key}.digits.photos: expected a folder for {whole}, received folders for "
                    f"{', '.join(section.photos)} only."
                )
            images = self.path(section.photos[whole], f"{key}.digits.photos.{whole}")
            files += list_images(images)
        fingerprint = recipe_hash([files_fingerprint(files), settings])
        name = key if split == "train" else f"{key}_{split}"
        details = {"digits": {**settings, "with_photos": with_photos}}
        return PreparedSet(name, source, images, fingerprint, {"digits": settings}, details)

    def unlabelled(self) -> list[Path]:
        """The unlabelled real photos, in a fixed order."""
        from refinezoo.data import list_images
        from refinezoo.data.tree import matching

        if not self.study.real.unlabelled:
            raise RefinezooError(
                "expected real.unlabelled (folders or patterns of photos), which a refiner "
                "adapts to; received none."
            )
        paths: list[Path] = []
        for entry in self.study.real.unlabelled:
            if not (self.root / entry).exists() and glob.has_magic(entry):
                paths.extend(matching(entry, self.root))
            else:
                paths.extend(list_images(self.path(entry, "real.unlabelled")))
        return paths

    def path(self, value: str, key: str) -> Path:
        """A path of the study file, relative to the data root."""
        path = self.root / value
        if not path.exists():
            raise RefinezooError(
                f"{key}: expected an existing path, received {value!r}, which is not below the "
                f"data root {str(self.root)!r}. Correct the file, or give the root with --data."
            )
        return path

    def images_of(self, annotations: Path, images: str | None) -> Path:
        """Where the images of a dataset lie: as given, else in its folder."""
        from refinezoo.data.coco_images import dataset_root

        if images is not None:
            return self.path(images, "real.images")
        return annotations if annotations.is_dir() else dataset_root(annotations)
