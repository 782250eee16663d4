"""The trainings of a study: one for each arm and seed, with its spec and a hash of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refinezoo.experiments.compare.found import PreparedSet
from refinezoo.experiments.compare.names import seeds_of
from refinezoo.experiments.compare.recipe import recipe_hash
from refinezoo.experiments.compare.scheduler import Training
from refinezoo.experiments.compare.schema import Study
from refinezoo.files import own_folder, remove_folder, write_json


class Trainings:
    """Writes the spec of each training of a study.

    Args:
        study: its file.
        folder: of the run.
        sets: that the arms train on, by name.
        test: the set to measure on.
    """

    def __init__(
        self, study: Study, folder: Path, sets: dict[str, PreparedSet], test: PreparedSet
    ) -> None:
        self.study, self.folder, self.sets, self.test = study, folder, sets, test
        self._made: dict[tuple[str, int], Training] = {}

    def all(self) -> list[Training]:
        """Seed by seed, in the order of the arms."""
        wanted = [
            (arm, seed)
            for seed in self.study.seeds
            for arm in self.study.arms
            if seed in seeds_of(self.study, arm)
        ]
        return [self.of(arm, seed) for arm, seed in wanted]

    def of(self, arm: str, seed: int) -> Training:
        """That of one arm and seed."""
        if (arm, seed) not in self._made:
            self._made[arm, seed] = self._written(arm, seed)
        return self._made[arm, seed]

    def _written(self, arm: str, seed: int) -> Training:
        study = self.study
        shares = study.arms[arm].shares()
        model = study.model.model_dump(by_alias=True)
        model["init"] = start_of(study, seed)
        settings = study.training.model_dump(exclude={"backup_every"})
        settings["pictures"] = settings.pop("augmented_images")  # its old name: hashes stay
        place = self.folder / "arms" / arm / f"seed_{seed}"
        teachers = {name: self._teacher(name, seed) for name in shares}
        prints = {name: self._fingerprint(name, teachers[name]) for name in shares}
        recipe = {
            "arm": {name: [share, prints[name]] for name, share in shares.items()},
            "seed": seed,
            "model": {**model, "init": initial_weights(model["init"])},
            "training": settings,
            "test": self.test.fingerprint,
            **({"settings": study.settings} if study.settings else {}),
        }
        key = recipe_hash(recipe)
        spec = {
            "hash": key,
            "study": study.study,
            "arm": arm,
            "seed": seed,
            "model": model,
            "settings": study.settings,
            "training": study.training.model_dump(),
            "sets": [
                {**self._located(name, teachers[name], place), "share": share}
                for name, share in shares.items()
            ],
            "test": self.test.located(),
        }
        after = tuple(each for each in teachers.values() if each is not None)
        training = Training(arm, seed, place, study.training.steps, key, after)
        if training.result().get("hash") not in (None, key):
            remove_folder(place)
        if not (place / "spec.json").is_file():
            own_folder(place)
        write_json(place / "spec.json", spec)
        for teacher in after:
            if not training.finished() and not (teacher.folder / "preset").is_dir():
                (teacher.folder / "result.json").unlink(missing_ok=True)  # trained again
        return training

    def _teacher(self, name: str, seed: int) -> Training | None:
        """The training whose model labels the photos of a set."""
        section = self.study.pseudo_labels.get(name)
        return self.of(section.arm, seed) if section is not None and section.arm else None

    def _fingerprint(self, name: str, teacher: Training | None) -> str:
        found = self.sets[name].fingerprint
        return found if teacher is None else recipe_hash([found, teacher.hash])

    def _located(self, name: str, teacher: Training | None, place: Path) -> dict[str, Any]:
        located = self.sets[name].located()
        if name not in self.study.pseudo_labels:
            return located
        said = dict(located["pseudo_labels"])
        if teacher is not None:
            said["teacher"] = str((teacher.folder / "preset").resolve())
        said["out"] = str((place / "pseudo_labels" / name).resolve())
        return {**located, "pseudo_labels": said}


def start_of(study: Study, seed: int) -> str | None:
    """Preset that a training with this seed starts from; None from scratch."""
    return study.model.init and study.model.init.replace("{seed}", str(seed))


def initial_weights(init: str | None) -> str | None:
    """The SHA-256 of the weights that every training starts from; None from scratch.

    Raises:
        RefinezooError: neither a preset folder nor a zoo name.
    """
    if init is None:
        return None
    from refinezoo.models.presets import read_preset
    from refinezoo.zoo import info

    if Path(init).is_dir():
        weights = read_preset(Path(init)).weights
        return weights.sha256 if weights else None
    return info(init)["weights"]["sha256"]
