"""The sets a study trains on: composed and refined once, then reused until their recipe changes."""

from __future__ import annotations

import glob
import inspect
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.experiments.compare.recipe import (
    dataset_fingerprint,
    files_fingerprint,
    model_fingerprint,
    recipe_hash,
)
from refinezoo.experiments.compare.schema import DigitsSection, RefinerSection, StreetSection, Study
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.files import ASSETS, own_folder, remove_folder, write_json
from refinezoo.models.registry import model_class, model_names


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


class Preparation:
    """Composes, refines and checks the sets of one study, in one folder."""

    def __init__(self, study: Study, out: Path, root: Path, say: Callable[[str], None]) -> None:
        check_nested(study)
        self.study, self.folder, self.root, self.say = study, out / "data", root, say

    def sets(self) -> dict[str, PreparedSet]:
        """Every set that some arm trains on, by name."""
        wanted = [name for arm in self.study.arms.values() for name in arm.sets]
        prepared: dict[str, PreparedSet] = {}
        if any(name != "real" for name in wanted):
            prepared["synthetic"] = self.synthetic()
        for name in self.study.refiners:
            if name in wanted:
                make = self.adapting if self.study.refiners[name].trains else self.refined
                prepared[name] = make(name, prepared["synthetic"])
        if "real" in wanted:
            prepared["real"] = self.real("train")
        return prepared

    def test(self) -> PreparedSet:
        """The labelled real test set."""
        return self.real("test")

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

    def synthetic(self) -> PreparedSet:
        """The synthetic scenes: composed with a stamp, or read from where they lie."""
        section = self.study.synthetic
        if section.digits is not None:
            return self.digits("synthetic", section.digits, "train")
        if section.coco is not None:
            source = self.path(section.coco, "synthetic.coco")
            source = (
                source / "annotations.json" if (source / "annotations.json").is_file() else source
            )
            images = self.images_of(source, None)
            return PreparedSet("synthetic", source, images, dataset_fingerprint(source, images))
        if section.masks is not None:
            return self.masks("synthetic", section.masks, "synthetic.masks")
        if section.folder is not None:
            return self.whole("synthetic", section.folder, "synthetic.folder")
        if section.street is not None:
            return self.streets(section.street)
        from refinezoo.scenes.compose import compose_scenes

        arguments = {"products": "package", "distractors": "package", **(section.compose or {})}
        recipe: dict[str, Any] = {"compose": dict(arguments)}
        for name in ("products", "distractors", "statistics"):
            value = arguments.get(name)
            if isinstance(value, str):
                path = (
                    ASSETS / name
                    if value == "package"
                    else self.path(value, f"synthetic.compose.{name}")
                )
                files = (
                    [path]
                    if path.is_file()
                    else sorted(file for file in path.rglob("*") if file.is_file())
                )
                recipe[f"{name}_sha256"] = files_fingerprint(files)
                arguments[name] = path

        def make(folder: Path) -> None:
            products, count = arguments.pop("products"), arguments.pop("count", 2000)
            self.say(f"synthetic: composing {count} scenes")
            compose_scenes(products, folder, count, progress=False, **arguments)

        return self.stamped("synthetic", recipe, make)

    def streets(self, section: StreetSection) -> PreparedSet:
        """Rendered streets with their masks."""
        from refinezoo.scenes.street.dataset import RENDERER, render_street

        recipe = {"street": section.model_dump(mode="json"), "renderer": RENDERER}

        def make(folder: Path) -> None:
            self.say(f"synthetic: rendering {section.count} streets")
            render_street(folder, **section.model_dump(), progress=False)

        return self.stamped("synthetic", recipe, make, annotations="masks", resumes=True)

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

    def refined(self, name: str, synthetic: PreparedSet) -> PreparedSet:
        """The synthetic scenes through one refiner, annotations carried over."""
        section = self.study.refiners[name]
        beside = synthetic.annotations
        beside = beside if beside == synthetic.images else beside.parent
        root = Path(os.path.commonpath([beside.absolute(), synthetic.images.absolute()]))
        recipe: dict[str, Any] = {
            "source": synthetic.fingerprint,
            "settings": section.model_dump(exclude_none=True),
        }
        refiner = None
        if section.adapt is None:
            refiner = self.preset(str(section.preset))
            recipe["model"] = model_fingerprint(refiner)
        else:
            recipe["unlabelled"] = files_fingerprint(self.unlabelled())

        def make(folder: Path) -> None:
            from refinezoo.refinement import refine_dataset

            self.say(f"{name}: refining {synthetic.name}")
            refine_dataset(
                root,
                folder,
                refiner or self.fitted(name, section, synthetic),
                strength=section.strength,
                progress=False,
            )

        return self.stamped(
            name,
            recipe,
            make,
            annotations=os.path.relpath(synthetic.annotations, root),
            images=os.path.relpath(synthetic.images, root),
            resumes=True,
        )

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

    def adapting(self, name: str, synthetic: PreparedSet) -> PreparedSet:
        """The synthetic set with the unlabelled real one and the method that brings them near."""
        adapt = self.study.refiners[name].adapt
        real = self.real("train")
        made_from = {"adapt": adapt, "source": synthetic.fingerprint, "target": real.fingerprint}
        details = {**synthetic.details, "adapt": adapt, "unlabelled": real.located()}
        return PreparedSet(
            name,
            synthetic.annotations,
            synthetic.images,
            recipe_hash(made_from),
            made_from,
            details,
        )

    def refiner(self, name: str, synthetic: PreparedSet) -> Any:
        """The refiner that made, or would make, the set of that name."""
        section = self.study.refiners[name]
        if section.adapt is None:
            return self.preset(str(section.preset))
        return self.fitted(name, section, synthetic)

    def preset(self, name: str) -> Any:
        """The refiner of a preset folder below the data root or here, or of the zoo."""
        from refinezoo import load

        for folder in (self.root / name, Path(name)):
            if folder.is_dir():
                return load(folder)
        return load(name)

    def fitted(self, name: str, section: RefinerSection, synthetic: PreparedSet) -> Any:
        """A refiner that learns nothing, adapted to the unlabelled photos and the renders."""
        import cv2

        from refinezoo.data import list_images, read_image

        settings = dict(section.adapt or {})
        refiner = _adaptable(name, settings.pop("class"))(**settings)
        side = int((self.study.synthetic.compose or {}).get("image_size", 128))
        task = task_named(self.study.model.task, self.study.settings)
        height, width = task.photo_size(self.study.model.model_dump(by_alias=True)) or (side, side)
        photos = (
            cv2.resize(read_image(path), (width, height), interpolation=cv2.INTER_AREA)
            for path in self.unlabelled()
        )
        if synthetic.annotations.suffix.lower() == ".json":
            renders = list_images(synthetic.annotations)
        else:
            renders = list_images(synthetic.images)
        refiner.adapt(photos, renders=map(read_image, renders))
        return refiner

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

    def stamped(
        self,
        name: str,
        recipe: dict[str, Any],
        make: Callable[[Path], None],
        annotations: str = "annotations.json",
        images: str = "images",
        *,
        resumes: bool = False,
    ) -> PreparedSet:
        """Makes a set unless its stamp says that it was made by this very recipe.

        `resumes` says that `make` goes on with what an interrupted call of it left.
        """
        folder, stamp = self.folder / name, self.folder / f"{name}.recipe.json"
        wanted = recipe_hash(recipe)
        found = read_json(stamp) if stamp.is_file() else {}
        same = found.get("hash") == wanted
        if same and found["fingerprint"] and folder.is_dir():
            self.say(f"{name}: unchanged, reused")
            return PreparedSet(
                name, folder / annotations, folder / images, found["fingerprint"], recipe
            )
        if not (same and resumes):
            remove_folder(folder)
        own_folder(folder)
        stamped = {"hash": wanted, "fingerprint": None, "recipe": recipe}
        write_json(stamp, stamped)
        make(folder)
        fingerprint = dataset_fingerprint(folder / annotations, folder / images)
        write_json(stamp, {**stamped, "fingerprint": fingerprint})
        return PreparedSet(name, folder / annotations, folder / images, fingerprint, recipe)

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
        """Where the pictures of a dataset lie: as given, else in its folder."""
        from refinezoo.data.coco_pictures import dataset_root

        if images is not None:
            return self.path(images, "real.images")
        return annotations if annotations.is_dir() else dataset_root(annotations)


def check_nested(study: Study) -> None:
    """Checks what the study says of other functions' arguments, before hours of work hang on it.

    Raises:
        RefinezooError: names the place in the file, and what is known there.
    """
    from refinezoo.models.base import check_arguments
    from refinezoo.scenes.compose import compose_scenes

    known = [*inspect.signature(compose_scenes).parameters]
    known = [name for name in known if name not in ("out", "progress", "workers")]
    for name in study.synthetic.compose or {}:
        if name not in known:
            raise RefinezooError(
                f"synthetic.compose.{name} is not an argument of compose_scenes "
                f"({', '.join(known)}).{did_you_mean(name, known)}"
            )
    check_arguments(study.model.class_, study.model.config, "model.config")
    for name, section in study.refiners.items():
        if section.adapt is not None:
            own = dict(section.adapt)
            if not section.trains:
                _adaptable(name, own["class"])
            check_arguments(own.pop("class"), own, f"refiners.{name}.adapt")


def _adaptable(name: str, class_name: str) -> Any:
    """The class of a refiner that learns nothing, which a study can adapt by itself.

    Raises:
        RefinezooError: there is none of that name, or it has to be trained.
    """
    import refinezoo.refiners as refiners

    kinds = {word: getattr(refiners, word) for word in refiners.__all__}  # imported at first use
    known = {
        word: kind
        for word, kind in kinds.items()
        if hasattr(kind, "adapt") and not hasattr(kind, "players")
    }
    if class_name not in known:
        inside = [each for each in model_names() if hasattr(model_class(each), "with_task")]
        raise RefinezooError(
            f"refiners.{name}.adapt.class: expected a refiner that learns nothing "
            f"({', '.join(known)}) or that has a task model inside ({', '.join(inside)}), received "
            f"{class_name!r}. A refiner that is trained alone comes as a preset: run refinezoo "
            f"train first.{did_you_mean(class_name, [*known, *inside])}"
        )
    return known[class_name]


def described(prepared: PreparedSet) -> dict[str, Any]:
    """A prepared set for the record, without paths of this machine."""
    facts = asdict(prepared)
    return {"name": facts["name"], "sha256": facts["fingerprint"], **facts["made_from"]}
