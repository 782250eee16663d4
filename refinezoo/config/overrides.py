"""`key=value` behind a command, in place of what its file says."""

from typing import Any

from refinezoo.config.reading import parse_yaml
from refinezoo.errors import RefinezooError


def override(values: Any, text: str, example: str = "steps=2000 arguments.width=24") -> None:
    """Changes one of `values`, a mapping, in place.

    Args:
        values: nested mappings.
        text: `"key=value"`, the value in YAML; dots reach inside: `"arguments.width=24"`.
        example: for the error.

    Raises:
        RefinezooError: a text without `=`, no YAML, or a key inside of a single value.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise RefinezooError(
            f"expected overrides as key=value, received {text!r}. For example: {example}."
        )
    parsed = parse_yaml(value, f"the value after {key}=")
    *folders, last = key.strip().split(".")
    for folder in folders:
        values = values.setdefault(folder, {}) if isinstance(values, dict) else None
    if not isinstance(values, dict):
        raise RefinezooError(
            f"expected {'.'.join(folders) or 'the config'} to hold keys, to set {key} in it; "
            "it holds a single value."
        )
    values[last] = parsed
