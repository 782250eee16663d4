"""Whether a study's names name something: sets, arms, seeds, teachers and gains."""

from __future__ import annotations

from typing import Any

from refinezoo.errors import did_you_mean
from refinezoo.paths import plain_name

RESERVED_SETS = ("real", "synthetic")


def check_names(study: Any) -> None:
    """Raises a ValueError for a name of a `schema.Study` that names nothing, or two things."""
    plain_name(study.study, "study")
    if len(set(study.seeds)) != len(study.seeds):
        raise ValueError(f"expected different seeds, received {study.seeds}")
    named: dict[str, dict[str, Any]] = {
        "sets": study.sets,
        "refiners": study.refiners,
        "pseudo_labels": study.pseudo_labels,
    }
    known = [*RESERVED_SETS, *(name for names in named.values() for name in names)]
    for key, names in named.items():
        for name in names:
            plain_name(name, key)
            if known.count(name) > 1 or name == "real_test":
                raise ValueError(f"{key}: {name!r} already names a set; call it otherwise")
    for arm in study.arms:
        plain_name(arm, "arms")
        _check_arm(study, arm, known)
    for name, section in study.refiners.items():
        if section.over is not None:
            _check_over(study, name, section.over)
    for name in study.pseudo_labels:
        _check_teacher(study, name)
    for pair in study.gains or []:
        for name in pair:
            if name not in study.arms:
                raise ValueError(
                    f"gains name the unknown arm {name!r}.{did_you_mean(name, study.arms)}"
                )


def seeds_of(study: Any, arm: str) -> list[int]:
    """The seeds with which an arm is trained."""
    return study.arms[arm].seeds or study.seeds


def students(study: Any) -> list[tuple[str, str]]:
    """Each arm that trains on pseudo-labels with the arm whose model gave them."""
    return [
        (arm, study.pseudo_labels[name].arm)
        for arm, section in study.arms.items()
        for name in section.sets
        if name in study.pseudo_labels and study.pseudo_labels[name].arm
    ]


def _check_arm(study: Any, arm: str, known: list[str]) -> None:
    section = study.arms[arm]
    for seed in section.seeds or []:
        if seed not in study.seeds:
            raise ValueError(
                f"arm {arm!r} asks for seed {seed}; the study's seeds are "
                f"{', '.join(map(str, study.seeds))}"
            )
    for name in section.sets:
        if name not in known:
            raise ValueError(
                f"arm {arm!r} asks for the set {name!r}; known sets: {', '.join(known)}."
                + did_you_mean(name, known)
            )
        if name == "real" and not study.real.has_train():
            raise ValueError(f"arm {arm!r} trains on real photos: give real.train")
        if name in study.refiners and study.refiners[name].trains and len(section.sets) > 1:
            raise ValueError(
                f"arm {arm!r} mixes {name!r}, which trains a model of its own, with other "
                "sets: give it an arm of its own"
            )
        teacher = study.pseudo_labels[name].arm if name in study.pseudo_labels else None
        if teacher is not None and teacher in study.arms:
            for seed in seeds_of(study, arm):
                if seed not in seeds_of(study, teacher):
                    raise ValueError(
                        f"arm {arm!r} asks for seed {seed} of {name!r}, which the arm {teacher!r} "
                        f"labels: train that one with it, too, or leave it out of {arm!r}"
                    )


def _check_over(study: Any, name: str, over: str) -> None:
    """A refiner paints over the set of another one, which is stored and paints over none."""
    if over not in study.refiners:
        raise ValueError(
            f"refiners.{name}.over: {over!r} is none of the study's refiners, "
            f"{', '.join(study.refiners)}.{did_you_mean(over, study.refiners)}"
        )
    under = study.refiners[over]
    if over == name or under.over or under.trains or under.online or under.variants:
        raise ValueError(
            f"refiners.{name}.over: expected another refiner, of one stored set that paints over "
            f"none, received {over!r}"
        )


def _check_teacher(study: Any, name: str, students: tuple[str, ...] = ()) -> None:
    """From teacher to teacher of a set of pseudo-labels: each is an arm, and none its own."""
    teacher = study.pseudo_labels[name].arm
    if teacher is None:
        return
    if teacher not in study.arms:
        raise ValueError(
            f"pseudo_labels.{name}: arm {teacher!r} is none of the study's arms, "
            f"{', '.join(study.arms)}.{did_you_mean(teacher, study.arms)}"
        )
    if teacher in students:
        raise ValueError(
            f"pseudo_labels.{name}: the arm {teacher!r} would label photos for itself; name an arm "
            "that trains without them"
        )
    for each in study.arms[teacher].sets:
        if each in study.pseudo_labels:
            _check_teacher(study, each, (*students, teacher))
