"""Opens an exported file in the runtime of its format, without Keras or TensorFlow's Python.

A runtime has `info`, what the file says of its model, and `run(images)`: uint8 `[1, H, W, 3]` in,
a dictionary of arrays out.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.export.registry import format_of, formats
from refinezoo.quiet import without_notes

INFO_KEY = "refinezoo"  # of ONNX metadata and OpenVINO runtime info
INFO_NAME = "model_info.json"  # in a LiteRT file, and in a SavedModel's assets.extra
MOST_INFO_BYTES = 1 << 20
_KEYS = {"kind", "name", "weights_sha256", "class_names"}


def open_runtime(path: str | os.PathLike, threads: int | None = None) -> Any:
    """The runtime of an exported file.

    Raises:
        RefinezooError: unknown suffix, missing or foreign file, or the runtime is not installed.
    """
    path = Path(path)
    format_ = format_of(path)
    if format_ is None:
        suffixes = ", ".join(each.suffix for each in formats().values() if each.suffix)
        raise RefinezooError(
            f"expected a file that ends in {suffixes} or a SavedModel's version folder, received "
            f"{str(path)!r}."
        )
    if not path.exists():
        raise RefinezooError(f"expected an exported file, found none at {str(path)!r}.")
    return format_.open(path, threads)


def needs(module: str, extra: str) -> Any:
    """Imports an optional package, or says how to install it."""
    if module == "openvino":
        # Its import sends a usage report to an analytics service, unless this package is missing.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise RefinezooError(
            f"expected the package {module.split('.')[0]}, which is not installed. "
            f"Install it with: pip install 'refinezoo[{extra}]'"
        ) from error


def read_info(path: Path, text: str | None) -> dict[str, Any]:
    """The description that an export wrote into its file."""
    try:
        info = json.loads((text or "")[:MOST_INFO_BYTES])
        info = info if isinstance(info, dict) and info.keys() >= _KEYS else None
    except (ValueError, RecursionError):
        info = None
    if info is None:
        raise RefinezooError(
            f"{path}: expected a model that refinezoo exported, received one without its "
            "description. Was it truncated, or written by another program? Export it again."
        )
    return info


def started(path: Path, start: Callable[[], Any]) -> Any:
    """What `start` gives; what a runtime says of a broken file is worded."""
    try:
        with without_notes():
            return start()
    except RefinezooError:
        raise
    except Exception as error:
        last = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise RefinezooError(
            f"{path}: its runtime cannot load it ({last[0][:200]}). Was the file truncated, or "
            "made for another version? Export it again."
        ) from error
