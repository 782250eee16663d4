"""Reads YAML and JSON from anywhere: what is broken, too large or a trap is a worded error."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from refinezoo.errors import RefinezooError

MAX_YAML_BYTES = 1 << 20
MAX_JSON_BYTES = 16 << 20
MAX_DEPTH = 64
MAX_VALUES = 100_000  # of YAML, where a few bytes can name one value many times over


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML's safe types; dates stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in _Loader.yaml_implicit_resolvers.items()
}


def read_yaml(path: str | os.PathLike) -> Any:
    """The content of a YAML file: mappings, lists, text and finite numbers; dates are text.

    Raises:
        RefinezooError: the file is missing, no UTF-8, no YAML, larger than `MAX_YAML_BYTES`, nested
            deeper than `MAX_DEPTH`, or unfolds to more than `MAX_VALUES` values.
    """
    return parse_yaml(_text(path, "YAML", MAX_YAML_BYTES), str(path))


def read_json(path: str | os.PathLike, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """The content of a JSON file: objects, lists, text and finite numbers of up to 64 bits.

    Raises:
        RefinezooError: the file is missing, no UTF-8, no JSON, larger than `max_bytes`, or nested
            deeper than `MAX_DEPTH`.
    """
    return parse_json(_text(path, "JSON", max_bytes), str(path))


def parse_yaml(text: str, where: str) -> Any:
    """As `read_yaml`, of a text; `where` names it in an error."""

    def parse() -> Any:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:  # before the parser's own recursion meets it
                raise RefinezooError(f"{where}: {_DEEP}")
        return yaml.load(text, Loader=_Loader)

    return _checked(parse, "YAML", where, MAX_VALUES)


def parse_json(text: str | bytes, where: str) -> Any:
    """As `read_json`, of a text; `where` names it in an error."""
    return _checked(lambda: json.loads(text, parse_constant=_refuse), "JSON", where, math.inf)


_DEEP = f"expected values nested at most {MAX_DEPTH} deep, received deeper ones."


def _text(path: str | os.PathLike, kind: str, max_bytes: int) -> str:
    path = Path(path)
    if not path.is_file():
        what = "something that is no file" if path.exists() else "no file there"
        raise RefinezooError(f"expected a {kind} file at {path}, received {what}.")
    try:
        with open(path, "rb") as file:
            content = file.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise RefinezooError(
                f"expected a {kind} file of at most {max_bytes / 1e6:,.0f} MB at {path}, received "
                f"{path.stat().st_size / 1e6:,.0f} MB."
            )
        return content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RefinezooError(f"cannot read {path} as UTF-8 text: {error}.") from None


def _checked(parse: Callable[[], Any], kind: str, where: str, most: float) -> Any:
    try:
        value = parse()
    except RefinezooError:
        raise
    except RecursionError:
        raise RefinezooError(f"{where}: {_DEEP}") from None
    except Exception as error:  # PyYAML's constructors raise whatever they meet
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else getattr(error, "lineno", None)
        problem = getattr(error, "problem", None) or getattr(error, "msg", None) or str(error)
        raise RefinezooError(
            f"{where}{f', line {line}' if line else ''}: not valid {kind} "
            f"({str(problem).splitlines()[0][:200]}). Check "
            f"{'indentation and colons' if kind == 'YAML' else 'commas and quotes'} there."
        ) from None
    _check_values(value, where, most)
    return value


def _check_values(value: Any, where: str, most: float) -> None:
    """Walks a value as it would be printed: what YAML names again counts again."""
    count, waiting = 0, [(value, 0)]
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if isinstance(value, dict):
            inner = [*value.values(), *(key for key in value if not isinstance(key, str))]
        elif isinstance(value, (list, tuple, set)):
            inner = list(value)
        else:
            _check_number(value, where)
            continue
        if depth == MAX_DEPTH:
            raise RefinezooError(f"{where}: {_DEEP}")
        if count + len(inner) > most:
            raise RefinezooError(
                f"{where}: expected at most {most:,} values, received more once its aliases "
                "(*name) are unfolded."
            )
        waiting += [(part, depth + 1) for part in inner]


def _check_number(value: Any, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise RefinezooError(f"{where}: expected finite numbers, received {value}.")
    if isinstance(value, int) and abs(value) >= 1 << 63:
        raise RefinezooError(
            f"{where}: expected numbers of at most 64 bits, received a longer one."
        )


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON's")
