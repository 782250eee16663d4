"""A method that adapts, which a study names in `refiners.NAME.adapt`: a task model is inside it."""

from typing import Any

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.models.registry import model_class, model_names


def adapting_model(spec: dict[str, Any], arguments: dict[str, Any]) -> Any:
    """The method, not compiled; with the weights of `model.init`, if the study says one.

    Args:
        spec: of the training, see `refinezoo.tasks.study.Task`; its one set says `adapt`.
        arguments: of the task model's constructor.

    Raises:
        RefinezooError: a class that trains no task model, or settings that it does not take.
    """
    settings = dict(spec["sets"][0]["adapt"])
    name = settings.pop("class")
    cls: Any = model_class(name) if name in model_names() else None
    if not hasattr(cls, "with_task"):
        known = [each for each in model_names() if hasattr(model_class(each), "with_task")]
        raise RefinezooError(
            f"refiners: adapt.class: expected {' or '.join(known)}, received {name!r}."
            + did_you_mean(name, known)
        )
    try:
        model = cls.with_task(spec["model"]["class"], arguments, seed=spec["seed"], **settings)
    except (RefinezooError, TypeError, ValueError) as error:
        raise RefinezooError(f"refiners: adapt: {name} does not take these: {error}") from None
    if init := spec["model"].get("init"):
        if not hasattr(model, "start_from"):
            raise RefinezooError(
                f"model.init: every arm starts from {init!r}, which {name} cannot. Leave init "
                f"out, or take {name} out of the refiners."
            )
        model.start_from(init)
    return model
