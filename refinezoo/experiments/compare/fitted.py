"""The refiners of a study: of a preset, or fitted to its photos where they learn nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refinezoo.data.image_size import height_and_width
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.experiments.compare.found import FoundSets, PreparedSet
from refinezoo.experiments.compare.schema import Study
from refinezoo.experiments.compare.set_schema import RefinerSection
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.experiments.photo_masks import mask_function
from refinezoo.models.kind import answering_kind
from refinezoo.models.registry import build, model_class, model_names
from refinezoo.tasks.pseudo_labels import check_classes

_DRAWS = 8  # seeds that tell a refiner that draws from one that does not


def preset(name: str, root: Path) -> Any:
    """The model of a preset folder below the data root or here, or of the zoo."""
    from refinezoo import load

    return load(preset_place(name, root))


def preset_place(name: str, root: Path) -> str:
    """Where that is: a whole path, or the name of the zoo."""
    folders = [folder for folder in (root / name, Path(name)) if folder.is_dir()]
    return str(folders[0].resolve()) if folders else name


def checked_teacher(name: str, study: Study, root: Path, test: dict[str, Any]) -> Any:
    """The model of `pseudo_labels.NAME.preset`.

    Raises:
        RefinezooError: there is none of that name, or it does another task than the study, or
            knows other classes.
    """
    teacher = preset(str(study.pseudo_labels[name].preset), root)
    task = task_named(study.model.task, study.settings)
    if answering_kind(teacher) != task.kind:
        raise RefinezooError(
            f"pseudo_labels.{name}.preset: expected a {task.kind.name}, as the study trains, "
            f"received a {teacher.kind.name}. `refinezoo list --kind {task.kind.name}` names those "
            "of the zoo."
        )
    model = study.model.model_dump(by_alias=True)
    check_classes(name, teacher, task.arguments({"model": model, "test": test})["class_names"])
    return teacher


def fitted(name: str, section: RefinerSection, found: FoundSets, synthetic: PreparedSet) -> Any:
    """A refiner that learns nothing, adapted to the unlabelled photos and the renders."""
    from refinezoo.data import images_and_masks, read_image
    from refinezoo.data.images import read_sized

    settings = dict(section.adapt or {})
    refiner = build(settings.pop("class"), settings, f"refiners.{name}.adapt")
    rendered = height_and_width((found.study.synthetic.compose or {}).get("image_size", 128))
    task = task_named(found.study.model.task, found.study.settings)
    size = task.photo_size(found.study.model.model_dump(by_alias=True)) or rendered
    renders = renders_of(synthetic)
    if takes_masks(refiner):
        make = mask_function(section.masks, found.root)
        photos = images_and_masks(found.unlabelled(), make, size=size)
        return refiner.adapt(photos, renders=images_and_masks(renders))
    photos = (read_sized(path, size) for path in found.unlabelled())
    return refiner.adapt(photos, renders=map(read_image, renders))


def check_online(name: str, section: RefinerSection, refiner: Any, synthetic: PreparedSet) -> None:
    """Checks that a refiner refines images alone, and not always alike.

    Raises:
        RefinezooError: it does not.
    """
    import numpy as np

    from refinezoo.data import read_image

    if takes_masks(refiner) or getattr(refiner, "use_depth", False):
        raise RefinezooError(
            f"refiners.{name}.online: expected a refiner of images alone, received one that "
            "takes a mask or depth beside them. Leave online out."
        )
    if section.least_strength is not None or synthetic.annotations.suffix.lower() == ".npz":
        return
    render = read_image(renders_of(synthetic)[0])
    first, *more = (refiner.refine(render, seed=seed) for seed in range(_DRAWS))
    if all(np.array_equal(first, other) for other in more):
        raise RefinezooError(
            f"refiners.{name}.online: expected a refiner that draws, received one that gives the "
            f"same for {_DRAWS} seeds. Draw its strength (least_strength: 0.0), or leave online "
            "out."
        )


def renders_of(synthetic: PreparedSet) -> list[Path]:
    """The images of a set."""
    from refinezoo.data import list_images

    of_file = synthetic.annotations.suffix.lower() == ".json"
    return list_images(synthetic.annotations if of_file else synthetic.images)


def takes_masks(refiner: Any) -> bool:
    """Whether a refiner, or a class of such, takes foreground masks."""
    return bool(getattr(refiner, "use_mask", False))


def mask_files(paths: list[Path]) -> list[Path]:
    """The mask files that lie beside images."""
    from refinezoo.data.formats.base import beside

    known = beside(paths)
    return sorted(
        {file for kind in ("foreground_mask", "class_ids") for file in known[kind].values()}
    )


def check_adaptable(name: str, class_name: str) -> None:
    """Checks that a class is a refiner that learns nothing, which a study can adapt by itself.

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
