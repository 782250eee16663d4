"""What a constructor of a model takes: bound, checked and worded, as `Model.arguments` keeps it."""

import inspect
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, get_args

import keras
import numpy as np
from pydantic import (
    ConfigDict,
    Field,
    PlainValidator,
    PositiveFloat,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
)

from refinezoo.config.validation import expected_by
from refinezoo.data.image_size import height_and_width
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.models.registry import model_class
from refinezoo.renames import old_names


def _different_names(names: Any) -> Any:
    """A list, since a set has no order and a generator is read once; whole numbers of old files."""
    found = names if isinstance(names, list | tuple) else ()
    named = all(isinstance(name, str | int) and not isinstance(name, bool) for name in found)
    if not found or not named or len(set(map(str, found))) < len(found):
        raise ValueError("a list of different names")
    return names


# What a constructor's arguments are annotated with, besides pydantic's `PositiveInt` and so on. A
# ValueError of a validator says what is expected.
PositiveFloats = Annotated[Sequence[PositiveFloat], Field(min_length=1)]
ClassNames = Annotated[Sequence[str], PlainValidator(_different_names)]


def _is_dtype(value: Any) -> bool:
    try:
        keras.dtype_policies.get(value)
    except (TypeError, ValueError):
        return False
    return True


# What `keras.Model` takes besides: whether a value fits, and the words for what does.
_OF_KERAS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (
        lambda value: value is None or (isinstance(value, str) and "/" not in value),
        "text without '/', such as 'mine'",
    ),
    "dtype": (_is_dtype, "a type that Keras knows, such as 'float32' or 'mixed_bfloat16'"),
    "trainable": (lambda value: isinstance(value, bool), "True or False"),
}


def bound_arguments(cls: type, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The constructor arguments of a call, with the defaults of what was not given.

    Raises:
        RefinezooError: an argument that the class does not know, or one that is missing.
    """
    known = parameters(cls)
    positional = [p.name for p in known.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    given = known_arguments(cls, {**dict(zip(positional, args, strict=False)), **kwargs})
    missing = [p.name for p in known.values() if p.default is p.empty and p.name not in given]
    if missing or len(args) > len(positional):
        raise RefinezooError(
            f"expected {cls.__name__}({', '.join([*positional, 'name=value, ...'])}), received "
            + (f"no {', '.join(missing)}." if missing else f"{len(args)} values without names.")
        )
    return {name: plain(given.get(name, each.default)) for name, each in known.items()}


def stated_arguments(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    """Of a config what is not a default of the constructor: what it says of a model.

    A version that adds an argument, with a default that means what was before, so leaves what is
    said of every older model as it was.
    """
    known = parameters(cls)
    return {
        name: value
        for name, value in config.items()
        if name not in known or plain(known[name].default) != plain(value)
    }


def known_arguments(cls: type, given: dict[str, Any]) -> dict[str, Any]:
    """Some of a constructor's arguments, under their present names.

    Raises:
        RefinezooError: an argument that the class does not know, or a value of another type or
            range than its annotation or default says.
    """
    known = parameters(cls)
    current = old_names(cls)
    given = {current.get(name, name): value for name, value in given.items()}
    for name, value in given.items():
        if name == "image_size" and name in known:
            if value is not None or known[name].default is not None:
                height_and_width(value)
        elif name in known:
            _check_type(cls.__name__, known[name], value)
        elif name in _OF_KERAS:
            fits, words = _OF_KERAS[name]
            if not fits(value):
                raise RefinezooError(
                    f"{cls.__name__}: expected {name} as {words}, received {value!r} "
                    f"({type(value).__name__})."
                )
        else:
            raise RefinezooError(
                f"{cls.__name__} takes no argument {name!r}.{did_you_mean(name, known)} "
                f"It takes: {', '.join(known)}."
            )
    return given


def check_arguments(class_name: str, arguments: dict[str, Any], where: str) -> None:
    """Raises a RefinezooError for what a registered class' constructor does not take."""
    cls = model_class(class_name)
    try:
        known_arguments(cls, arguments)
    except RefinezooError as error:
        raise RefinezooError(f"{where}: {error}") from None


def _check_type(owner: str, parameter: inspect.Parameter, value: Any) -> None:
    """Refuses what the annotation, or without one the type of the default, does not allow."""
    accepted = parameter.annotation
    if accepted is parameter.empty or isinstance(accepted, str):
        if not isinstance(parameter.default, bool | int | float | str):
            return
        accepted = type(parameter.default) | None
    if value is parameter.default:
        return  # whatever its annotation says: a preset has to load
    try:
        if (adapter := _adapter(accepted)) is not None:
            _as_json_says_it(adapter, value)
    except ValidationError as error:
        words, place = _expected(error)
        if not place and type(None) in get_args(accepted):
            words += " or None"
        if not place and parameter.default is not None and parameter.default is not parameter.empty:
            words += f", such as {parameter.default!r}"
        raise RefinezooError(
            f"{owner}: expected {parameter.name}{place} as {words}, received {value!r} "
            f"({type(value).__name__})."
        ) from None
    except (PydanticUserError, TypeError):
        return  # pydantic cannot hold a value to this annotation


@cache
def _adapter(accepted: Any) -> TypeAdapter | None:
    """What holds values to an annotation; None where pydantic makes nothing of it."""
    config = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
    try:
        return TypeAdapter(accepted, config=config)
    except Exception:  # errors of its core have no name that pydantic exports
        return None


def _as_json_says_it(adapter: TypeAdapter, value: Any) -> None:
    """Checks a value as a preset's file would hold it, where lists stand for tuples."""
    try:
        text = json.dumps(plain(value))
    except (TypeError, ValueError):  # no preset holds it: a model, a function
        adapter.validate_python(value)
        return
    try:
        adapter.validate_json(text)
    except ValidationError as error:
        if not any(each["type"] == "needs_python_object" for each in error.errors()):
            raise
        adapter.validate_python(value)


def _expected(error: ValidationError) -> tuple[str, str]:
    """What was expected, in words, and where in a list: "[1]"; "" of the whole value."""
    first, *others = error.errors()
    place = "".join(f"[{part}]" for part in first["loc"] if isinstance(part, int))
    of_whole = [each for each in others if not any(isinstance(part, int) for part in each["loc"])]
    words = []
    for each in [first] if place else [first, *of_whole]:
        said = expected_by(each["type"], each.get("ctx", {})) or ""
        words.append(said.partition(" (")[0] or each["msg"].removeprefix("Value error, "))
    return " or ".join(dict.fromkeys(words)), place


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """The parameters of a class' constructor and, through `**kwargs`, of those above it."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if base in keras.Model.__mro__:
            break
        constructor: Callable | None = base.__dict__.get("__init__")
        if constructor is None:
            continue
        own = list(inspect.signature(constructor).parameters.values())[1:]
        named = (p for p in own if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
        found = {**{p.name: p for p in named}, **found}
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            break
    return found


def plain(value: Any) -> Any:
    """A constructor's argument as JSON holds it: lists for tuples, Python's numbers for NumPy's."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [plain(inner) for inner in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
