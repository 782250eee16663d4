"""Reads config files; a missing or broken one is a worded error."""

import os
from pathlib import Path
from typing import Any

import yaml

from refinezoo.errors import RefinezooError


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
