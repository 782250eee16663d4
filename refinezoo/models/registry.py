"""The registered models: what a preset, a config or a `.keras` file may name.

A class is registered by `@register` above it, in any module of `refinezoo.refiners` and
`refinezoo.tasks` (found by reading their sources, without an import) or of a user's own.
"""

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.models.kind import Kind
from refinezoo.models.limits import check_sizes, within_limits

PACKAGE = "refinezoo"
_DECORATED = re.compile(
    r'^@(?:register|keras\.saving\.register_keras_serializable\("refinezoo"\))\n'
    r"(?:@.*\n)*(?:class|def) (\w+)",
    re.MULTILINE,
)
_REGISTERED: dict[str, type] = {}
_KINDS: dict[str, Kind] = {}
Class = TypeVar("Class", bound=type)


def register(cls: Class) -> Class:
    """Registers a model's class: presets may name it, and Keras finds it in `.keras` files.

    Raises:
        RefinezooError: a class without a `kind`.
    """
    import keras

    if not isinstance(getattr(cls, "kind", None), Kind | property):
        raise RefinezooError(
            f"expected {cls.__name__}.kind, what the class predicts; received none. Set one of "
            "refinezoo.models.registry.kinds(), or declare a Kind of your own."
        )
    _REGISTERED[cls.__name__] = cls
    return keras.saving.register_keras_serializable(PACKAGE)(cls)


def register_kind(kind: Kind) -> Kind:
    """Registers what a task declares; the kind's name is then known everywhere."""
    _KINDS[kind.name] = kind
    return kind


def kinds() -> dict[str, Kind]:
    """All kinds by name; neither Keras nor TensorFlow is imported."""
    for module in _kind_homes().values():
        importlib.import_module(module)
    return dict(_KINDS)


def kind_names() -> list[str]:
    """The names of all kinds; no module of a kind is imported, which would import NumPy."""
    return list(_kind_homes())


@cache
def _kind_homes() -> dict[str, str]:
    """Every kind of the package, name -> the `kind.py` that registers it, found by its source."""
    root = Path(__file__).resolve().parents[1]
    found = {}
    for path in sorted(root.rglob("kind.py")):
        for name in re.findall(r'^    name = "(\w+)"$', path.read_text(encoding="utf-8"), re.M):
            parts = path.relative_to(root).with_suffix("").parts
            found[name] = ".".join((PACKAGE, *parts))
    return found


def checked_kind_name(name: str) -> str:
    """`name`, if a kind is called so.

    Raises:
        RefinezooError: none is.
    """
    known = sorted({*_KINDS, *kind_names()})
    if name not in known:
        raise RefinezooError(
            f"expected a kind of model, received {name!r}.{did_you_mean(name, known)} "
            f"Kinds: {', '.join(known)}."
        )
    return name


def kind_named(name: str) -> Kind:
    """The kind of that name.

    Raises:
        RefinezooError: there is none.
    """
    return kinds()[checked_kind_name(name)]


def registered(*, kinds_alone: bool = False) -> list[type]:
    """The classes of the models and kinds that are registered so far, by whomever."""
    return [*([] if kinds_alone else _REGISTERED.values()), *map(type, _KINDS.values())]


def task_of(class_name: str) -> str:
    """What a registered model does, as a study's `model.task` says it; nothing for a refiner."""
    if class_name in _REGISTERED:
        kind = getattr(_REGISTERED[class_name], "kind", None)
        return kind.task if isinstance(kind, Kind) else ""
    rooms = homes().get(class_name, "").split(".")
    return rooms[2] if rooms[1:2] == ["tasks"] else ""


@cache
def homes() -> dict[str, str]:
    """Every serialisable class and function of the package, name -> its module."""
    root = Path(__file__).resolve().parents[1]
    found = {}
    for path in sorted(root.rglob("*.py")):
        for name in _DECORATED.findall(path.read_text(encoding="utf-8")):
            parts = path.relative_to(root).with_suffix("").parts
            found[name] = ".".join((PACKAGE, *parts))
    return found


def model_names() -> list[str]:
    """The names of all registered models."""
    rooms = ("refinezoo.refiners.", "refinezoo.tasks.")
    own = (name for name, module in homes().items() if module.startswith(rooms))
    return sorted({*_REGISTERED, *filter(_is_model, own)})


def model_class(name: str) -> type:
    """The class registered under `name`, for example `"CycleGAN"`."""
    if name not in _REGISTERED and name in homes():
        importlib.import_module(homes()[name])
    if name not in _REGISTERED:
        names = model_names()
        raise RefinezooError(
            f"expected a registered model class, received {name!r}."
            f"{did_you_mean(name, names)} Registered: {', '.join(names)}."
        )
    return _REGISTERED[name]


def build(class_name: str, config: dict[str, Any], where: str) -> Any:
    """A model of a registered class from its constructor arguments, without trained weights."""
    cls: Any = model_class(class_name)
    check_sizes(config, where)
    try:
        with within_limits("config"):
            return cls.from_config(dict(config))
    except RefinezooError as error:
        raise RefinezooError(f"{where}: {error}") from None
    except Exception as error:  # a constructor raises whatever a foreign config leads it to
        raise RefinezooError(
            f"{where}: {class_name} cannot be built from its config: {error}. "
            "Expected the arguments of its constructor; was the file edited, or written by "
            "another version of refinezoo?"
        ) from error


def _is_model(name: str) -> bool:
    source = Path(__file__).resolve().parents[1].joinpath(*homes()[name].split(".")[1:])
    text = source.with_suffix(".py").read_text(encoding="utf-8")
    return re.search(rf"^@register\n(?:@.*\n)*class {name}\b", text, re.MULTILINE) is not None
