"""Reads YAML and JSON from anywhere: what is broken, too large or a trap is a worded error."""

import json
import math
import os
import re
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
    """YAML's safe types; dates stay text, and 2e-4 is a number, as in YAML 1.2 and JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in _Loader.yaml_implicit_resolvers.items()
}


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Quotes what `_Loader` would take for a number."""


_EXPONENT = re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$")
for each in (_Loader, _Dumper):
    each.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))


def read_yaml(path: str | os.PathLike) -> Any:
    """The content of a YAML file: mappings, lists, text and finite numbers; dates are text.

    Raises:
        RefinezooError: the file is missing, no UTF-8, no YAML, larger than `MAX_YAML_BYTES`, nested
            deeper than `MAX_DEPTH`, or unfolds to more than `MAX_VALUES` values.
    """
    return parse_yaml(_text(path, "YAML", MAX_YAML_BYTES), str(path))


def read_json(
    path: str | os.PathLike, max_bytes: int = MAX_JSON_BYTES, *, any_number: bool = False
) -> Any:
    """The content of a JSON file: objects, lists, text and finite numbers of up to 64 bits.

    Args:
        path: the file, in UTF-8, -16 or -32.
        max_bytes: its largest size.
        any_number: pass NaN, infinity and long integers, and any depth that Python can parse: for
            files of millions of rows, whose reader looks at each number anyway.

    Raises:
        RefinezooError: the file is missing, no text, no JSON, holds a key twice, is larger than
            `max_bytes`, or nested deeper than `MAX_DEPTH`.
    """
    text = _text(path, "JSON", max_bytes)
    if any_number:
        return _parsed(lambda: json.loads(text, object_pairs_hook=_object), "JSON", str(path))
    return parse_json(text, str(path))


def yaml_text(value: Any, width: int = 100) -> str:
    """A value as YAML that `read_yaml` reads back as the same."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)


def parse_yaml(text: str, where: str) -> Any:
    """As `read_yaml`, of a text; `where` names it in an error."""

    def parse() -> Any:
        _check_events(text, where)
        return yaml.load(text, Loader=_Loader)

    return _checked(parse, "YAML", where, MAX_VALUES)


def _check_events(text: str, where: str) -> None:
    """Refuses depth before the parser's own recursion meets it, and a key that stands twice."""
    opened: list[dict[str, int] | None] = []  # of each mapping the lines of its keys
    at_key: list[bool] = []
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
            at_key.pop()
        if isinstance(event, yaml.NodeEvent) and opened and (keys := opened[-1]) is not None:
            if at_key[-1] and isinstance(event, yaml.ScalarEvent) and event.value != "<<":
                line = event.start_mark.line + 1  # type: ignore[union-attr]
                if event.value in keys:
                    raise RefinezooError(
                        f"{where}, line {line}: expected each key once, received "
                        f"{event.value!r:.80} again, after line {keys[event.value]}. Remove one."
                    )
                keys[event.value] = line
            at_key[-1] = not at_key[-1]
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append({} if isinstance(event, yaml.MappingStartEvent) else None)
            at_key.append(True)
        if len(opened) > MAX_DEPTH:
            raise RefinezooError(f"{where}: {_DEEP}")


def parse_json(text: str | bytes, where: str) -> Any:
    """As `read_json`, of a text; `where` names it in an error."""

    def parse() -> Any:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_object)

    return _checked(parse, "JSON", where, math.inf)


_DEEP = f"expected values nested at most {MAX_DEPTH} deep, received deeper ones."


def _text(path: str | os.PathLike, kind: str, max_bytes: int) -> str:
    path = Path(path)
    if not path.is_file():
        what = "something that is no file" if path.exists() else "no file there"
        raise RefinezooError(f"expected a {kind} file at {path}, received {what}.")
    try:
        if (size := path.stat().st_size) > max_bytes:
            raise RefinezooError(
                f"expected a {kind} file of at most {max_bytes / 1e6:,.0f} MB at {path}, received "
                f"{size / 1e6:,.0f} MB."
            )
        content = path.read_bytes()  # `read(max_bytes)` would ask for that much memory
        encoding = json.detect_encoding(content) if kind == "JSON" else "utf-8-sig"
        return content.decode(encoding)
    except (OSError, UnicodeDecodeError) as error:
        raise RefinezooError(f"cannot read {path} as UTF-8 text: {error}.") from None


def _checked(parse: Callable[[], Any], kind: str, where: str, most: float) -> Any:
    value = _parsed(parse, kind, where)
    _check_values(value, where, most)
    return value


def _parsed(parse: Callable[[], Any], kind: str, where: str) -> Any:
    try:
        return parse()
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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"the key {twice!r:.80} twice in one object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON's")
