"""A model on disk: `config.json` and weights, read back without running foreign code.

`model.weights.h5` holds what predicts. What only training needs besides (the other generator,
discriminators) lies in a file a network; `refinezoo.load` leaves those alone, `compile` reads them.
"""

import json
import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from refinezoo.config import Strict, read_json, validate
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_folder, write_json
from refinezoo.models.card import CARD_FILE, card, kept_card
from refinezoo.models.registry import build, model_class
from refinezoo.models.weights import WEIGHTS_FILE, Weights, check_weights, load_weights, save_half
from refinezoo.renames import old_names

FORMAT = 2
CONFIG_FILE = "config.json"


class Training(Strict):
    """How far a training has come, and the networks that only training needs, by name."""

    steps: int = Field(default=0, ge=0)
    networks: dict[str, Weights] = {}


class Preset(Strict):
    """What `config.json` of a preset holds; format 1 has no `training`."""

    format: Literal[1, 2]
    class_name: str = Field(alias="class")
    config: dict[str, Any]
    refinezoo_version: str = ""
    weights: Weights | None = None
    training: Training | None = None


@dataclass(frozen=True)
class TrainingFiles:
    """What a loaded model has not read yet.

    Attributes:
        folder: of the preset.
        record: what its config says of the files.
        started: names of networks that the inference weights have filled already.
    """

    folder: Path
    record: Training
    started: tuple[str, ...] = ()

    def fill(self, name: str, network: Any) -> bool:
        """Reads the weights of a network, if they are there."""
        weights = self.record.networks.get(name)
        if weights is not None:
            path = self.folder / weights.file
            check_weights(path, weights)
            load_weights(network, path)
        return weights is not None or name in self.started


def save_to_preset(
    model: Any, folder: str | os.PathLike, *, half: bool = True, training: bool = True
) -> Path:
    """Writes `model` as a preset folder, in full or not at all, with a model card (`README.md`).

    Args:
        model: an instance of a registered class; kept are the weights of its `preset_network` and
            what `training_part` gives (not the optimizer or pools).
        folder: where to write; a preset that refinezoo wrote there is replaced as a whole, but
            for a model card of your own.
        half: store the weights as float16. Loaded models compute in float32 all the same.
        training: also write what only training needs; without, the preset predicts the same.

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
    steps, networks = model.training_part() if training else (0, {})
    with atomic_folder(folder) as temporary:
        record = None
        network = model.preset_network
        if network.weights:
            record = save_half(network, temporary / WEIGHTS_FILE, half=half)
        files = {
            name: Weights(**save_half(network, temporary / f"{name}.weights.h5", half=half))
            for name, network in networks.items()
        }
        kept = Training(steps=steps, networks=files)
        described = {
            "format": FORMAT,
            "class": type(model).__name__,
            "config": config,
            "refinezoo_version": __version__,
            "weights": record,
            "training": kept.model_dump() if steps or files else None,
        }
        write_json(temporary / CONFIG_FILE, described)
        text = kept_card(folder) or card(model, described)
        (temporary / CARD_FILE).write_text(text, encoding="utf-8")
    model.preset_name = preset_name(folder)
    model.weights_sha256 = record and record["sha256"]
    if training and model.training_files is not None:  # those of the old folder may be gone
        model.training_files = TrainingFiles(folder, kept, model.training_files.started)
    return folder


def preset_name(folder: str | os.PathLike) -> str:
    """What the preset in a folder is called: as the folder, or as what was trained into it.

    `runs/mine/preset`, written by `refinezoo train`, is called mine, and a study's
    `arms/transport/seed_0/preset` transport_seed_0.
    """
    folder = Path(os.path.abspath(folder))  # a link keeps its own name
    trained = folder.parent
    if folder.name != "preset" or not trained.name:
        return folder.name
    if trained.name.startswith("seed_"):
        return f"{trained.parent.name}_{trained.name}"
    return trained.name


def load_preset(
    folder: str | os.PathLike,
    weights: str | None = "pretrained",
    arguments: dict[str, Any] | None = None,
) -> Any:
    """The model of a preset folder; see `loaded`."""
    folder = Path(folder)
    model = loaded(read_preset(folder), str(folder / CONFIG_FILE), folder, weights, arguments)
    model.preset_name = preset_name(folder)
    return model


def loaded(
    described: Any,
    where: str,
    folder: Path,
    weights: str | None = "pretrained",
    arguments: dict[str, Any] | None = None,
) -> Any:
    """The model that a `Preset` or an entry of the zoo describes.

    Args:
        described: has `class_name`, `config`, `weights` and, of a preset, `training`.
        where: what an error names.
        folder: where its weights lie.
        weights: None leaves it untrained.
        arguments: of the constructor, in place of those that the config says.
    """
    from refinezoo.models.draws import drawn_by_numpy  # Keras, which a list of presets needs not

    given = arguments or {}
    current = old_names(model_class(described.class_name))
    saved = {key: v for key, v in described.config.items() if current.get(key) not in given}
    from_file = weights is not None and described.weights is not None
    with drawn_by_numpy() if from_file else nullcontext():
        model = build(described.class_name, {**saved, **given}, where)
    if from_file:
        path = folder / described.weights.file
        check_weights(path, described.weights)
        load_weights(model.preset_network, path)
        model.weights_sha256 = described.weights.sha256
        record = getattr(described, "training", None) or Training()
        model.training_files = TrainingFiles(folder, record, model.start_from_inference())
    return model


def read_preset(folder: str | os.PathLike) -> Preset:
    """The checked `config.json` of a preset folder."""
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise RefinezooError(
            f"expected a preset folder with {CONFIG_FILE}, received {Path(folder)} without one. "
            "Write one with model.save_to_preset(folder)."
        )
    return checked_preset(read_json(path), str(path))


def checked_preset(values: Any, where: str) -> Preset:
    """What a `config.json` says, which may be that of another tool: many write one."""
    if isinstance(values, dict) and not {"format", "class"} & set(values):
        told = ", ".join(list(values)[:4]) or "nothing"
        raise RefinezooError(
            f"{where}: expected the {CONFIG_FILE} of a refinezoo preset (format, class, config), "
            f"received that of another tool ({told}). model.save_to_preset(folder) writes one."
        )
    return validate(Preset, values, where)
