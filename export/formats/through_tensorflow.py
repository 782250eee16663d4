"""Exports a model of another backend through TensorFlow, in a process of its own.

The weights are one file for both backends: they go through a preset folder, in full precision.
`python -m refinezoo.export.formats.through_tensorflow` is that process; its arguments are one JSON
object.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError


def saved_model_through_tensorflow(model: Any, folder: Path, **options: Any) -> Path:
    """`saved_model` for a model that lives on the JAX backend; takes the same options."""
    return through_tensorflow("saved_model", model, folder, **options)


def through_tensorflow(
    function: str,
    model: Any,
    path: Path,
    *,
    frames: Sequence[np.ndarray] | None = None,
    frames_option: str = "calibration",
    **options: Any,
) -> Path:
    """Calls `refinezoo.export.FUNCTION(model, path, **options)` in a TensorFlow process.

    Args:
        function: name of the export function.
        model: a model on another backend, of a class that has presets.
        path: what the function writes.
        frames: images that it gets as `frames_option`.
        frames_option: name of that argument.
        **options: its other arguments, as JSON can say them.

    Raises:
        RefinezooError: the model's class has no preset, or the export failed; with its last words.
    """
    from refinezoo.models.presets import save_to_preset

    with tempfile.TemporaryDirectory() as scratch:
        preset = save_to_preset(model, Path(scratch) / "preset", half=False)
        request = {
            "function": function,
            "preset": str(preset),
            "path": str(path),
            "options": options,
        }
        if frames is not None:
            request["frames"] = [frames_option, str(Path(scratch) / "frames.npz")]
            np.savez(request["frames"][1], *frames)
        done = subprocess.run(
            [sys.executable, "-m", __name__, json.dumps(request)],
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        reason = reason[0].removeprefix("refinezoo.errors.RefinezooError: ")
        raise RefinezooError(
            f"exporting through TensorFlow failed: {reason}. Save the model with "
            "save_to_preset and export it under KERAS_BACKEND=tensorflow to see the whole error."
        )
    return path


def main(request: str) -> None:
    """Loads the preset and calls the export function."""
    import refinezoo.export
    from refinezoo.models.presets import load_preset

    asked = json.loads(request)
    options = asked["options"]
    if "frames" in asked:
        name, file = asked["frames"]
        with np.load(file) as arrays:
            options[name] = [arrays[key] for key in arrays.files]
    getattr(refinezoo.export, asked["function"])(
        load_preset(asked["preset"]), asked["path"], **options
    )


if __name__ == "__main__":
    main(sys.argv[1])
