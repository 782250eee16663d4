"""`refinezoo.load`: a model of the zoo, of a preset folder, or of an exported file."""

import os
from pathlib import Path
from typing import Any

from refinezoo import zoo
from refinezoo.errors import RefinezooError


def load(
    name_or_path: str | os.PathLike, weights: str | None = "pretrained", *, root: Path | None = None
) -> Any:
    """A model, ready to use.

    Args:
        name_or_path: a name of `list_models()`, a folder written by `save_to_preset`, or what
            `refinezoo export` wrote: `.tflite`, `.onnx`, `.xml` (OpenVINO), or the version folder
            of a SavedModel.
        weights: `"pretrained"`, or None for the same architecture, untrained (not of exports).
        root: where the zoo's configs lie; the package's own by default.

    Returns:
        A `keras.Model` of the class that the config names, or for an exported file an object with
        the same `refine` (refiners) or `predict` (detectors), which needs no Keras.

    Raises:
        RefinezooError: unknown name, missing or changed weights, a broken config or file.
    """
    from refinezoo.export.runtimes.opening import is_exported

    if not is_exported(name_or_path):
        return zoo.load(name_or_path, weights, root=root)
    if weights != "pretrained":
        raise RefinezooError(
            f"an exported file has its weights inside, received weights={weights!r}. "
            "Leave weights out."
        )
    from refinezoo.export.runtimes.exported import load_exported

    return load_exported(name_or_path)
