"""`refinezoo.load`: a model of the zoo, of a preset folder, or of an exported file."""

import os
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.models.presets import CONFIG_FILE, load_preset
from refinezoo.models.registry import build
from refinezoo.models.weights import check_weights, load_weights
from refinezoo.zoo.catalogue import find, is_entry, weights_folder


def load(
    name_or_path: str | os.PathLike, weights: str | None = "pretrained", *, root: Path | None = None
) -> Any:
    """A model, ready to use.

    Args:
        name_or_path: a name of `list_models()`, a folder written by `save_to_preset`, or what
            `refinezoo export` wrote: `.tflite`, `.onnx`, `.xml` (OpenVINO), or the version folder
            of a SavedModel. A name or a folder with a `config.json` runs no foreign code; an
            exported file is a program: load only one of a source that you trust.
        weights: `"pretrained"`, or None for the same architecture, untrained (not of exports).
        root: where the zoo's configs lie; the package's own by default.

    Returns:
        A `keras.Model` of the class that the config names: a refiner has `.refine(images)`. For an
        exported file an object with the same `refine` (refiners) or `predict` (detectors), which
        needs no Keras.

    Raises:
        RefinezooError: unknown name, missing or changed weights, a broken config or file.
    """
    from refinezoo.export.registry import is_exported

    path = Path(name_or_path)
    described = is_entry(name_or_path, root) or (path / CONFIG_FILE).exists()
    if not described and is_exported(path):
        if weights != "pretrained":
            raise RefinezooError(
                f"an exported file has its weights inside, received weights={weights!r}. "
                "Leave weights out."
            )
        from refinezoo.export.runtimes.exported import load_exported

        return load_exported(path)
    if weights not in ("pretrained", None):
        raise RefinezooError(
            f'expected weights="pretrained" or None, received {weights!r}. To load weights of '
            "your own, pass the folder that save_to_preset wrote."
        )
    found = find(name_or_path, root=root)
    if isinstance(found, Path):
        return load_preset(found, weights)
    model = build(found.class_name, found.config, f"zoo entry {found.name}")
    model.preset_name = found.name
    if weights is not None and found.weights is not None:
        file = weights_folder(root) / found.weights.file
        check_weights(file, found.weights)
        load_weights(model.preset_network, file)
        model.weights_sha256 = found.weights.sha256
    return model
