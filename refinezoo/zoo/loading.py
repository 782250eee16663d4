"""`refinezoo.load`: a model of the zoo, of a preset folder, or of an exported file."""

import os
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.models.presets import CONFIG_FILE, load_preset, loaded
from refinezoo.zoo.catalogue import find, is_entry, weights_folder
from refinezoo.zoo.remote import is_remote


def load(
    name_or_path: str | os.PathLike,
    weights: str | None = "pretrained",
    *,
    arguments: dict[str, Any] | None = None,
    root: Path | None = None,
) -> Any:
    """A model, ready to use, and to train on from where it was saved.

    `compile` reads what only training needs of a preset (discriminators, say); what the preset or
    the zoo does not hold starts untrained, and a warning in the log names it.

    Args:
        name_or_path: a name of `list_models()`, a folder written by `save_to_preset`, the address
            of one (`https://host/preset#sha256=...`, `hf://organisation/name@commit`), or what
            `refinezoo export` wrote: `.tflite`, `.onnx`, `.xml` (OpenVINO), or the version folder
            of a SavedModel. A name or a folder with a `config.json` runs no foreign code; an
            exported file is a program: load only one of a source that you trust.
        weights: `"pretrained"`, or None for the same architecture, untrained (not of exports).
        arguments: of the constructor, in place of the saved ones: `{"learning_rate": 1e-5}`.
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
        if weights != "pretrained" or arguments:
            raise RefinezooError(
                "an exported file has its weights and arguments inside, received "
                f"weights={weights!r}, arguments={arguments!r}. Leave them out."
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
        model = load_preset(found, weights, arguments)
        if is_remote(name_or_path):
            model.preset_name = str(name_or_path)
        return model
    where = f"zoo entry {found.name}"
    model = loaded(found, where, weights_folder(root), weights, arguments)
    model.preset_name = found.name
    return model
