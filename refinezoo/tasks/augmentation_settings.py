"""What a study's `training.augmentation` means, of a task that has one."""

from typing import Any

from refinezoo.errors import RefinezooError, did_you_mean


def augmentation_of(value: Any, cls: Any, **fixed: Any) -> Any:
    """What `training.augmentation` means: true, false or fields of a dataclass.

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
    known = [name for name in cls.__dataclass_fields__ if name not in fixed]
    for name in settings:
        if name not in known:
            raise RefinezooError(
                f"training.augmentation.{name} is not known ({', '.join(known)})."
                + did_you_mean(name, known)
            )
    chosen = {
        name: tuple(inner) if isinstance(inner, list) else inner for name, inner in settings.items()
    }
    return cls(**chosen, **fixed)
