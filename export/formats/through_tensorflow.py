"""Exports a model of another backend through TensorFlow, in a process of its own.

The weights are one file for both backends: they go through a preset folder, in full precision.
`python -m refinezoo.export.formats.through_tensorflow` is that process; its arguments are one JSON
object.
"""

import functools
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.files import scratch_folder
from refinezoo.models.elsewhere import environment, import_modules, own_modules


def in_tensorflow(write: Callable[..., Path]) -> Callable[..., Path]:
    """Decorates a writer: on another backend it runs in a TensorFlow process, from a preset.

    Raises:
        RefinezooError: the model's class has no preset, or the export failed; with its last words.
    """

    @functools.wraps(write)
    def call(model: Any, path: str | os.PathLike, *args: Any, **options: Any) -> Path:
        import keras

        if keras.backend.backend() == "tensorflow":
            return write(model, path, *args, **options)
        if not find_spec("tensorflow"):
            raise RefinezooError(
                "expected TensorFlow, which makes every export, received an environment without. "
                'Call pip install "refinezoo[tensorflow]".'
            )
        given = inspect.signature(write).bind(model, path, *args, **options).arguments
        options = dict(list(given.items())[2:])  # without the model and the path
        _write_elsewhere(write, model, path, options)
        return Path(path)

    return call


def _write_elsewhere(
    write: Callable[..., Path], model: Any, path: str | os.PathLike, options: dict[str, Any]
) -> None:
    from refinezoo.models.presets import save_to_preset

    with scratch_folder(path) as scratch:
        preset = save_to_preset(model, scratch / "preset", half=False, training=False)
        request = {"format": write.__name__, "preset": preset, "path": path, "options": options}
        if (frames := options.pop("calibration", None)) is not None:
            packed = scratch / "frames.npz"
            np.savez(packed, *frames)
            request["calibration"] = packed
        modules = own_modules()
        done = subprocess.run(
            [sys.executable, "-m", __name__, json.dumps(request, default=_as_path), *modules],
            env=environment(modules, KERAS_BACKEND="tensorflow"),
            capture_output=True,
            text=True,
        )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        error, _, words = reason.partition(": ")
        if error.endswith(RefinezooError.__name__):
            raise RefinezooError(words)
        raise RefinezooError(
            f"exporting through TensorFlow failed: {reason}. Save the model with "
            "save_to_preset and export it under KERAS_BACKEND=tensorflow to see the whole error."
        )


def _as_path(value: Any) -> str:
    """A path, or a `CocoDataset` as its file, so that another process can read it."""
    return os.fspath(getattr(value, "json_path", value))


def main(request: str, modules: Sequence[str] = ()) -> None:
    """Loads the preset and calls the writer."""
    from refinezoo.export.registry import formats
    from refinezoo.models.presets import load_preset

    import_modules(modules)
    asked = json.loads(request)
    options = asked["options"]
    if "calibration" in asked:
        with np.load(asked["calibration"]) as arrays:
            options["calibration"] = [arrays[key] for key in arrays.files]
    formats()[asked["format"]].write(load_preset(asked["preset"]), asked["path"], **options)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
