"""Exports a model of another backend through TensorFlow, in a process of its own.

The weights are one file for both backends: they go through a preset folder, in full precision.
`python -m refinezoo.export.from_preset` is that process; its arguments are one JSON object.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError


def saved_model_through_tensorflow(model: Any, folder: Path, **options: Any) -> Path:
    """`saved_model` for a model that lives on the JAX backend; takes the same options.

    Raises:
        RefinezooError: the model's class has no preset, or the export failed; with its last words.
    """
    from refinezoo.presets import save_to_preset

    with tempfile.TemporaryDirectory() as scratch:
        preset = save_to_preset(model, Path(scratch) / "preset", half=False)
        request = {"preset": str(preset), "folder": str(folder), "options": options}
        done = subprocess.run(
            [sys.executable, "-m", "refinezoo.export.from_preset", json.dumps(request)],
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise RefinezooError(
            f"exporting through TensorFlow failed: {reason[0]}. Save the model with "
            "save_to_preset and export it under KERAS_BACKEND=tensorflow to see the whole error."
        )
    return folder


def main(request: str) -> None:
    """Loads the preset and writes the SavedModel."""
    from refinezoo.presets import load_preset

    from .servable import saved_model

    asked = json.loads(request)
    saved_model(load_preset(asked["preset"]), asked["folder"], **asked["options"])


if __name__ == "__main__":
    main(sys.argv[1])
