"""The downstream tasks that a study may name, found by the kinds that declare them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from refinezoo.config import validate
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.models.registry import kinds

if TYPE_CHECKING:
    from refinezoo.tasks.study import Task


def task_named(name: str, settings: dict[str, Any] | None = None) -> Task:
    """The task that a study's `model.task` names, with the study's `settings`.

    Raises:
        RefinezooError: there is no such task, or it does not know a setting.
    """
    return validate(task_class(name), settings or {}, "settings")


def task_class(name: str) -> type[Task]:
    """Its class.

    Raises:
        RefinezooError: there is no such task.
    """
    known = {kind.task: kind for kind in kinds().values() if kind.task}
    if name not in known:
        raise RefinezooError(
            f"model.task: expected one of {', '.join(sorted(known))}, received {name!r}."
            + did_you_mean(name, known)
        )
    module, _, task = known[name].study.rpartition(".")
    return getattr(importlib.import_module(module), task)
