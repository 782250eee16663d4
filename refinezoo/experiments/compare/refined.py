"""The refined sets of a study: by one refiner each, once or in several ways, or not yet."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare.fitted import (
    check_online,
    fitted,
    mask_files,
    preset,
    renders_of,
    takes_masks,
)
from refinezoo.experiments.compare.found import FoundSets, PreparedSet
from refinezoo.experiments.compare.recipe import files_fingerprint, model_fingerprint, recipe_hash
from refinezoo.experiments.compare.schema import Study
from refinezoo.experiments.compare.set_schema import RefinerSection
from refinezoo.models.registry import model_class


class RefinedSets:
    """Base of `Preparation`: makes what a study's `refiners` say of the synthetic set."""

    study: Study
    found: FoundSets
    say: Callable[[str], None]
    stamped: Callable[..., PreparedSet]

    def __init__(self) -> None:
        self._refiners: dict[str, Any] = {}
        self._recipes: dict[str, dict[str, Any]] = {}

    def refined_set(self, name: str, synthetic: PreparedSet) -> PreparedSet:
        """The set of a refiner, whatever the study says of it."""
        section = self.study.refiners[name]
        if section.trains:
            return self.adapting(name, synthetic)
        if section.online:
            return self.online(name, synthetic)
        make = self.variants if (section.variants or 1) > 1 else self.refined
        return make(name, synthetic)

    def variants(self, name: str, synthetic: PreparedSet) -> PreparedSet:
        """The synthetic scenes through one refiner several times, each with a seed of its own."""
        count = self.study.refiners[name].variants or 1
        first, *more = (
            self.refined(name, synthetic, seed=seed, stored_as=f"{name}.variant_{seed}")
            for seed in range(count)
        )
        if first.fingerprint in {each.fingerprint for each in more}:
            raise RefinezooError(
                f"refiners.{name}.variants: expected a refiner that draws, received one whose "
                f"{count} refinements are alike. Leave variants out."
            )
        prints = [each.fingerprint for each in (first, *more)]
        located = [{key: each.located()[key] for key in ("annotations", "images")} for each in more]
        made_from = {**first.made_from, "variants": prints}
        return PreparedSet(
            name,
            first.annotations,
            first.images,
            recipe_hash(prints),
            made_from,
            {**synthetic.details, "variants": located},
        )

    def online(self, name: str, synthetic: PreparedSet) -> PreparedSet:
        """The synthetic set with the refiner that each training refines it by, as a preset."""
        section = self.study.refiners[name]
        recipe = self.recipe(name, synthetic)

        def make(folder: Path) -> None:
            refiner = self.refiner(name, synthetic)
            check_online(name, section, refiner, synthetic)
            self.say(f"{name}: keeping the refiner, for each training to refine anew")
            refiner.save_to_preset(folder / "preset", half=False, training=False)

        kept = self.stamped(name, recipe, make, annotations="preset", images="preset")
        said = {key: getattr(section, key) for key in ("strength", "least_strength")}
        details = {"online": {"preset": str(kept.images.resolve()), **said}}
        return PreparedSet(
            name,
            synthetic.annotations,
            synthetic.images,
            recipe_hash([kept.fingerprint, recipe]),
            recipe,
            {**synthetic.details, **details},
        )

    def recipe(self, name: str, synthetic: PreparedSet) -> dict[str, Any]:
        """All that a refined set depends on."""
        if name not in self._recipes:
            self._recipes[name] = self._recipe(self.study.refiners[name], name, synthetic)
        return dict(self._recipes[name])

    def _recipe(self, section: RefinerSection, name: str, synthetic: PreparedSet) -> dict[str, Any]:
        recipe: dict[str, Any] = {
            "source": synthetic.fingerprint,
            "settings": section.model_dump(exclude_none=True),
        }
        if section.adapt is None:
            recipe["model"] = model_fingerprint(self.refiner(name, synthetic))
            return recipe
        recipe["unlabelled"] = files_fingerprint(self.found.unlabelled())
        if takes_masks(model_class(section.adapt["class"])):
            recipe["masks"] = self.masks_fingerprint(section, synthetic)
        return recipe

    def refined(
        self, name: str, synthetic: PreparedSet, *, seed: int = 0, stored_as: str = ""
    ) -> PreparedSet:
        """The synthetic scenes through one refiner, annotations carried over."""
        section = self.study.refiners[name]
        beside = synthetic.annotations
        beside = beside if beside == synthetic.images else beside.parent
        root = Path(os.path.commonpath([beside.absolute(), synthetic.images.absolute()]))
        recipe = self.recipe(name, synthetic)
        if seed:
            recipe["seed"] = seed
        under = self.refined(section.over, synthetic) if section.over else None
        if under:
            recipe["over"] = under.fingerprint

        def make(folder: Path) -> None:
            from refinezoo.refinement import refine_dataset

            self.say(f"{stored_as or name}: refining {synthetic.name}")
            refine_dataset(
                root,
                folder,
                self.refiner(name, synthetic),
                strength=section.strength,
                seed=seed,
                over=folder.parent / under.name if under else None,
                progress=False,
            )

        return self.stamped(
            stored_as or name,
            recipe,
            make,
            annotations=os.path.relpath(synthetic.annotations, root),
            images=os.path.relpath(synthetic.images, root),
            resumes=True,
        )

    def masks_fingerprint(self, section: RefinerSection, synthetic: PreparedSet) -> list[Any]:
        """Of the mask files beside photos and renders, and of the model that makes others."""
        images = (self.found.unlabelled(), renders_of(synthetic))
        files = [mask_files(paths) for paths in images]
        made_by: Any = section.masks
        if made_by not in (None, "grabcut"):
            made_by = model_fingerprint(preset(made_by, self.found.root))
        return [*map(files_fingerprint, files), made_by]

    def adapting(self, name: str, synthetic: PreparedSet) -> PreparedSet:
        """The synthetic set with the unlabelled real one and the method that brings them near."""
        adapt = self.study.refiners[name].adapt
        real = self.found.real("train")
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
        if name not in self._refiners:
            section = self.study.refiners[name]
            self._refiners[name] = (
                preset(str(section.preset), self.found.root)
                if section.adapt is None
                else fitted(name, section, self.found, synthetic)
            )
        return self._refiners[name]
