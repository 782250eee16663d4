"""The sets a study trains on: composed and refined once, then reused until their recipe changes."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.experiments.compare.fitted import (
    check_adaptable,
    checked_teacher,
    preset_place,
    takes_masks,
)
from refinezoo.experiments.compare.found import FoundSets, PreparedSet
from refinezoo.experiments.compare.recipe import (
    dataset_fingerprint,
    files_fingerprint,
    model_fingerprint,
    recipe_hash,
)
from refinezoo.experiments.compare.refined import RefinedSets
from refinezoo.experiments.compare.schema import Study
from refinezoo.experiments.compare.set_schema import StreetSection
from refinezoo.files import ASSETS, own_folder, remove_folder, write_json
from refinezoo.models.registry import model_class, model_names


class Preparation(RefinedSets):
    """Composes, refines and checks the sets of one study, in one folder."""

    def __init__(self, study: Study, out: Path, root: Path, say: Callable[[str], None]) -> None:
        super().__init__()
        check_nested(study)
        self.study, self.folder, self.say = study, out / "data", say
        self.found = FoundSets(study, root)

    def sets(self) -> dict[str, PreparedSet]:
        """Every set that some arm trains on, by name."""
        wanted = [name for arm in self.study.arms.values() for name in arm.sets]
        prepared: dict[str, PreparedSet] = {}
        if any(name == "synthetic" or name in self.study.refiners for name in wanted):
            prepared["synthetic"] = self.synthetic()
        for name, section in self.study.sets.items():
            if name in wanted and (found := self.found.labelled(name, section, f"sets.{name}")):
                prepared[name] = found
        for name in self.study.refiners:
            if name in wanted:
                prepared[name] = self.refined_set(name, prepared["synthetic"])
        if "real" in wanted:
            prepared["real"] = self.found.real("train")
        for name in self.study.pseudo_labels:
            if name in wanted:
                prepared[name] = self.photos_to_label(name)
        return prepared

    def test(self) -> PreparedSet:
        """The labelled real test set."""
        return self.found.real("test")

    def photos_to_label(self, name: str) -> PreparedSet:
        """Photos that each training has labelled by a model, before it learns from them."""
        section = self.study.pseudo_labels[name]
        said: dict[str, Any] = {"score_threshold": section.score_threshold}
        recipe: dict[str, Any] = {"pseudo_labels": section.model_dump(exclude_none=True)}
        if section.preset is not None:
            teacher = checked_teacher(name, self.study, self.found.root, self.test().located())
            recipe["model"] = model_fingerprint(teacher)
            said["teacher"] = preset_place(section.preset, self.found.root)
        if self.study.real.digits is not None:
            real = self.found.real("train")
            recipe["photos"] = real.fingerprint
            details = {**real.details, "pseudo_labels": said}
            places = (real.annotations, real.images)
        else:
            photos = self._photos_without_labels()
            recipe["photos"] = files_fingerprint(photos)
            said["photos"] = list(dict.fromkeys(map(os.path.abspath, photos)))
            details = {"pseudo_labels": said}
            places = (photos[0].parent, photos[0].parent)
        return PreparedSet(name, *places, recipe_hash(recipe), recipe, details)

    def _photos_without_labels(self) -> list[Path]:
        """The unlabelled photos; where there are none, those of the train split."""
        from refinezoo.data import CocoDataset, list_images

        if self.study.real.unlabelled or not self.study.real.has_train():
            return self.found.unlabelled()
        real = self.found.real("train")
        if real.annotations.is_file():
            return [each.path for each in CocoDataset.load(real.annotations, real.images).records]
        return list_images(real.images)

    def synthetic(self) -> PreparedSet:
        """The synthetic scenes: composed or rendered with a stamp, or read from where they lie."""
        if (found := self.found.synthetic()) is not None:
            return found
        if (street := self.study.synthetic.street) is not None:
            return self.streets(street)
        return self.composed(self.study.synthetic.compose or {})

    def composed(self, section: dict[str, Any]) -> PreparedSet:
        """Composed scenes with their boxes."""
        from refinezoo.scenes.compose import compose_scenes

        arguments = {"products": "package", "distractors": "package", **section}
        recipe: dict[str, Any] = {"compose": dict(arguments)}
        for name in ("products", "distractors", "statistics"):
            value = arguments.get(name)
            if isinstance(value, str):
                path = (
                    ASSETS / name
                    if value == "package"
                    else self.found.path(value, f"synthetic.compose.{name}")
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


def check_nested(study: Study) -> None:
    """Checks what the study says of other functions' arguments, before hours of work hang on it.

    Raises:
        RefinezooError: names the place in the file, and what is known there.
    """
    from refinezoo.models.arguments import check_arguments
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
            if section.masks and own["class"] in model_names():
                if not takes_masks(model_class(own["class"])):
                    raise RefinezooError(
                        f"refiners.{name}.masks: expected a class that takes masks with it, "
                        f"received {own['class']}. Leave masks out."
                    )
            if not section.trains:
                check_adaptable(name, own["class"])
            check_arguments(own.pop("class"), own, f"refiners.{name}.adapt")


def described(prepared: PreparedSet) -> dict[str, Any]:
    """A prepared set for the record, without paths of this machine."""
    facts = asdict(prepared)
    return {"name": facts["name"], "sha256": facts["fingerprint"], **facts["made_from"]}
