"""What a study's `training.augmentation` means, of a task that has one."""

from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

from refinezoo.data.augmentation import Augmentation
from refinezoo.errors import RefinezooError, did_you_mean

# Nothing moves, for answers that would have to move along.
LIGHT = Augmentation(flip=0.0, brightness=0.2, contrast=0.2, saturation=0.2)
PLACES = ("flip", "rotate", "crop")


def augmentation_of(value: Any, usual: Any, fixed: Collection[str] = ()) -> Any:
    """What `training.augmentation` means: true, false, or fields that differ from the usual ones.

    Args:
        value: as the study file has it.
        usual: an instance of the task's augmentation, which `true` stands for.
        fixed: fields of it that a study may not change.

    Raises:
        RefinezooError: something else, or a field that the class does not have.
    """
    if value in (False, None):
        return None
    settings = {} if value is True else value
    if not isinstance(settings, dict):
        raise RefinezooError(
            f"training.augmentation: expected true, false or a mapping, received {value!r}."
        )
    known = [field.name for field in fields(usual) if field.name not in fixed]
    for name in settings:
        if name not in known:
            raise RefinezooError(
                f"training.augmentation.{name} is not known ({', '.join(known)})."
                + did_you_mean(name, known)
            )
    chosen = {
        name: tuple(inner) if isinstance(inner, list) else inner for name, inner in settings.items()
    }
    return replace(usual, **chosen)
