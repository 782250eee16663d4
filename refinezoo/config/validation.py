"""Checked configs: records that refuse what they do not know, and worded errors."""

import reprlib
import types
import typing
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from refinezoo.errors import RefinezooError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)
Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """A record that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, protected_namespaces=())


def validate(model: type[Model], values: Any, where: str) -> Model:
    """Checks `values` against `model`.

    Args:
        model: the pydantic class that says what is allowed.
        values: a mapping, usually read from YAML.
        where: the file or call to name in an error.

    Raises:
        RefinezooError: names each wrong field, what was expected, what came, and the remedy.
    """
    if not isinstance(values, dict):
        raise RefinezooError(
            f"{where}: expected a mapping of keys to values, received {_short(values)}. "
            f"Start from these keys: {', '.join(_keys(model))}."
        )
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [_worded(model, item) for item in error.errors()]
    plural = "problem" if len(lines) == 1 else "problems"
    raise RefinezooError(f"{where}: {len(lines)} {plural}:\n  " + "\n  ".join(lines))


def _worded(model: type[BaseModel], item: Any) -> str:
    """One pydantic error as: field path: expected ..., received ..., remedy."""
    location, kind, context = item["loc"], item["type"], item.get("ctx", {})
    path = ".".join(str(part) for part in location) or "(whole file)"
    if kind == "extra_forbidden":
        known = _keys(_model_at(model, location[:-1]))
        hint = did_you_mean(str(location[-1]), known)
        listed = f"Known keys here: {', '.join(known)}." if known else "No key is known here."
        return f"{path}: unknown key.{hint} {listed}"
    if kind == "missing":
        return f"{path}: expected a value, received none. Add it."
    expected = expected_by(kind, context)
    if expected is None:
        message = item["msg"].removeprefix("Value error, ")
        return f"{path}: {message[:1].lower()}{message[1:]} (received {_short(item['input'])})."
    hint = ""
    if kind == "literal_error":
        hint = did_you_mean(item["input"], _quoted(str(context.get("expected"))))
    return f"{path}: expected {expected}, received {_short(item['input'])}.{hint}"


def expected_by(kind: str, context: dict[str, Any]) -> str | None:
    """What pydantic expected where it found an error of this kind, in words."""
    return {
        "literal_error": f"one of {context.get('expected')}",
        "string_pattern_mismatch": f"text matching {context.get('pattern')}",
        "greater_than": f"a number greater than {context.get('gt')}",
        "greater_than_equal": f"a number of at least {context.get('ge')}",
        "less_than": f"a number less than {context.get('lt')}",
        "less_than_equal": f"a number of at most {context.get('le')}",
        "string_type": "text (put it in quotes)",
        "int_type": "a whole number",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "float_parsing": "a number",
        "finite_number": "a finite number",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "list_type": "a list (one '- item' a line)",
        "tuple_type": "a list (one '- item' a line)",
        "dict_type": "a mapping of keys to values",
        "model_type": "a mapping of keys to values",
        "missing": "a value",
        "too_short": f"a list of {context.get('min_length')} or more",
        "too_long": f"a list of at most {context.get('max_length')}",
        "is_instance_of": f"a {context.get('class')}",
        "callable_type": "a function",
    }.get(kind)


def _model_at(model: type[BaseModel], location: tuple[Any, ...]) -> type[BaseModel]:
    for part in location:
        if isinstance(part, int):
            continue
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                model = _inner_model(field.annotation) or model
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    found = (_inner_model(argument) for argument in typing.get_args(annotation))
    return next((inner for inner in found if inner), None)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _quoted(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").replace("'", "").split(", ")


def _short(value: Any) -> str:
    brief = reprlib.Repr()
    brief.maxlevel, brief.maxstring, brief.maxother = 3, 80, 80
    text = brief.repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
