"""The rows of a manifest, a line of JSON each: a million take half a gigabyte, not two."""

import json
from collections.abc import Container, Iterable, Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from refinezoo.config import parse_json
from refinezoo.errors import RefinezooError


class Rows(MutableMapping[str, dict[str, Any]]):
    """Rows by their `file`; what is read from one is a copy, so assign it again to change it."""

    def __init__(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        self._lines: dict[str, bytes] = {}
        for row in rows:
            self[row["file"]] = row

    def __getitem__(self, name: str) -> dict[str, Any]:
        return json.loads(self._lines[name])

    def __setitem__(self, name: str, row: dict[str, Any]) -> None:
        self._lines[name] = json.dumps(row).encode()

    def __delitem__(self, name: str) -> None:
        del self._lines[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def take(self, other: "Rows", names: Container[str] | None = None) -> None:
        """Adds the rows of another, or those of some names, as they are."""
        self._lines.update(
            (name, line) for name, line in other._lines.items() if names is None or name in names
        )

    def line(self, name: str) -> str:
        """A row as JSON holds it."""
        return self._lines[name].decode()


def checked(found: Any, *needed: str) -> Iterator[dict[str, Any]]:
    """Those of some rows that have what a run looks at: a manifest may be anyone's."""
    keys = ("file", *(needed or ("action", "source_sha256")))
    for row in found if isinstance(found, (list, Iterator)) else ():
        if isinstance(row, dict) and all(isinstance(row.get(key), str) for key in keys):
            if _is_sound(row):
                yield row


def names_in(found: Any) -> set[str]:
    """The texts of a list; none of what is no list."""
    return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()


def _is_sound(row: dict[str, Any]) -> bool:
    """Whether what is counted and shown of a row is of the types that it is written in."""
    gate, flicker = row.get("gate"), row.get("flicker", {})
    if "gate" in row:
        if not isinstance(gate, dict) or not isinstance(gate.get("verdict"), str):
            return False
        scores = [gate[key] for key in ("rarity", "teacher") if key in gate]
        if not all(map(_is_number, [gate.get("score"), *scores])):
            return False
    if not isinstance(flicker, dict) or not all(map(_is_number, flicker.values())):
        return False
    conversions = row.get("conversions", [])
    return isinstance(conversions, list) and all(isinstance(each, str) for each in conversions)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines; a line that a kill has cut off is none."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with suppress(RefinezooError):
                entry = parse_json(line, path.name)
                if isinstance(entry, dict):
                    yield entry
