"""A model on disk: `config.json` and `model.weights.h5`, read back without running foreign code."""

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from refinezoo.config import Strict, read_json, validate
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_folder, write_json
from refinezoo.models.registry import build, model_class
from refinezoo.models.weights import WEIGHTS_FILE, Weights, check_weights, load_weights, save_half

FORMAT = 1
CONFIG_FILE = "config.json"


class Preset(Strict):
    """What `config.json` of a preset holds."""

    format: Literal[1]
    class_name: str = Field(alias="class")
    config: dict[str, Any]
    refinezoo_version: str = ""
    weights: Weights | None = None


def save_to_preset(model: Any, folder: str | os.PathLike, *, half: bool = True) -> Path:
    """Writes `model` as a preset folder, in full or not at all.

    Args:
        model: an instance of a registered class; the weights of its `preset_network` are kept (not
            the optimizer, critics or pools).
        folder: where to write; a preset that refinezoo wrote there is replaced as a whole.
        half: store the weights as float16. Loaded models compute in float32 all the same.

    Returns:
        The folder.
    """
    name = type(model).__name__
    known: Any = model_class(name)
    if known is not type(model):
        raise RefinezooError(
            f"expected a registered class, received another one that is called {name} too."
        )
    from refinezoo import __version__

    base = ("dtype", "name", "trainable")  # of keras.Model, not of the method
    config = {key: value for key, value in model.get_config().items() if key not in base}
    try:
        json.dumps(config)
    except TypeError as error:
        raise RefinezooError(
            f"{name}.get_config() must hold only what JSON can say, but: {error}."
        ) from None
    folder = Path(folder)
    with atomic_folder(folder) as temporary:
        record = None
        network = model.preset_network
        if network.weights:
            record = save_half(network, temporary / WEIGHTS_FILE, half=half)
        write_json(
            temporary / CONFIG_FILE,
            {
                "format": FORMAT,
                "class": name,
                "config": config,
                "refinezoo_version": __version__,
                "weights": record,
            },
        )
    model.preset_name = folder.resolve().name
    model.weights_sha256 = record and record["sha256"]
    return folder


def load_preset(folder: str | os.PathLike, weights: str | None = "pretrained") -> Any:
    """The model of a preset folder; `weights=None` leaves it untrained."""
    folder = Path(folder)
    preset = read_preset(folder)
    model = build(preset.class_name, preset.config, str(folder / CONFIG_FILE))
    if weights is not None and preset.weights is not None:
        path = folder / preset.weights.file
        check_weights(path, preset.weights)
        load_weights(model.preset_network, path)
        model.weights_sha256 = preset.weights.sha256
    model.preset_name = folder.resolve().name
    return model


def read_preset(folder: str | os.PathLike) -> Preset:
    """The checked `config.json` of a preset folder."""
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise RefinezooError(
            f"expected a preset folder with {CONFIG_FILE}, received {Path(folder)} without one. "
            "Write one with model.save_to_preset(folder)."
        )
    return validate(Preset, read_json(path), str(path))
