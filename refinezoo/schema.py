"""What a zoo config may say, and worded errors for what it may not."""

import os
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from refinezoo.errors import RefinezooError, did_you_mean

Kind = Literal["refiner", "detector", "segmenter", "depth", "pose", "range", "classifier"]
Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A record that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, protected_namespaces=())


class Weights(Strict):
    """A weights file beside the config: its name, size in bytes, checksum and stored type."""

    file: str = Field(pattern=r"^[A-Za-z0-9_.-]+\.weights\.h5$")
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    dtype: Literal["float16", "float32"] = "float16"


class DataSource(Strict):
    """A data set that the entry was trained or measured on, and the terms it came under."""

    name: str
    source: str
    licence: str
    split: str = ""
    role: str = ""


class Recipe(Strict):
    """How the numbers of the entry came about: enough to get them again."""

    command: str
    hardware: str
    minutes: float = Field(ge=0)
    seeds: list[int] = []
    date: str
    notes: str = ""


class Result(Strict):
    """One measured number: `value` is the mean of `n` runs and `spread` their deviation."""

    dataset: str
    split: str
    metric: str
    rule: str
    value: float
    spread: float | None = None
    n: int = Field(default=1, ge=1)
    baseline: str = ""
    baseline_value: float | None = None
    baseline_spread: float | None = None
    notes: str = ""


class ZooEntry(Strict):
    """One zoo entry: what it is, where it comes from, what it measured and where it ends."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.]*$")
    kind: Kind
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    class_name: str = Field(alias="class")
    config: dict[str, Any] = {}
    weights: Weights | None
    licence: str
    data: list[DataSource] = []
    recipe: Recipe | None = None
    results: list[Result] = []
    limits: list[str] = []
    reference: str | list[str] = ""

    @model_validator(mode="after")
    def _numbers_need_a_recipe(self) -> "ZooEntry":
        if self.results and self.recipe is None:
            raise ValueError("results need a recipe (command, hardware, minutes, date)")
        return self


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


def read_yaml(path: str | os.PathLike) -> Any:
    """The content of a YAML file; a missing or broken one is a worded error."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RefinezooError(f"expected a YAML file at {path}, received no file there.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RefinezooError(f"cannot read {path} as UTF-8 text: {error}.") from None
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise RefinezooError(
            f"{path}{line}: not valid YAML ({problem}). Check indentation and colons there."
        ) from None


def _worded(model: type[BaseModel], item: Any) -> str:
    """One pydantic error as: field path: expected ..., received ..., remedy."""
    location, kind, context = item["loc"], item["type"], item.get("ctx", {})
    path = ".".join(str(part) for part in location) or "(whole file)"
    if kind == "extra_forbidden":
        known = _keys(_model_at(model, location[:-1]))
        hint = did_you_mean(str(location[-1]), known)
        return f"{path}: unknown key.{hint} Known keys here: {', '.join(known)}."
    if kind == "missing":
        return f"{path}: expected a value, received none. Add it."
    expected = {
        "literal_error": f"one of {context.get('expected')}",
        "string_pattern_mismatch": f"text matching {context.get('pattern')}",
        "greater_than": f"a number greater than {context.get('gt')}",
        "greater_than_equal": f"a number of at least {context.get('ge')}",
        "less_than_equal": f"a number of at most {context.get('le')}",
        "string_type": "text (put it in quotes)",
        "int_type": "a whole number",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "float_parsing": "a number",
        "bool_parsing": "true or false",
        "list_type": "a list (one '- item' a line)",
        "dict_type": "a mapping of keys to values",
        "model_type": "a mapping of keys to values",
    }.get(kind)
    if expected is None:
        message = item["msg"].removeprefix("Value error, ")
        return f"{path}: {message[:1].lower()}{message[1:]} (received {_short(item['input'])})."
    hint = ""
    if kind == "literal_error":
        hint = did_you_mean(item["input"], _quoted(str(context.get("expected"))))
    return f"{path}: expected {expected}, received {_short(item['input'])}.{hint}"


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
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
