"""What a study's `training.augmentation` means, of a task that has one."""

from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from refinezoo.config import expected_by
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
        RefinezooError: something else, a field that the class does not have, or a value out of
            its range.
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
    hints = get_type_hints(type(usual), include_extras=True)
    chosen = {}
    for name, given in settings.items():
        value = tuple(given) if isinstance(given, list) else given
        try:
            chosen[name] = TypeAdapter(hints[name]).validate_python(value, strict=True)
        except ValidationError as error:
            told = error.errors()[0]
            wanted = expected_by(told["type"], told.get("ctx", {})) or told["msg"]
            raise RefinezooError(
                f"training.augmentation.{name}: expected {wanted}, received {given!r}."
            ) from None
    return replace(usual, **chosen)
