"""A model on disk: `config.json` and `model.weights.h5`, read back without running foreign code."""

import importlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.files import atomic_folder, atomic_path, sha256, write_json
from refinezoo.schema import Strict, Weights, validate

if TYPE_CHECKING:
    import keras

FORMAT = 1
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.weights.h5"

# The only classes that a preset may name: a file never decides which code runs.
REGISTRY: dict[str, str] = {
    "Classifier": "refinezoo.tasks.classification:Classifier",
    "CycleGAN": "refinezoo.refiners:CycleGAN",
    "CycleGANForegroundBackground": "refinezoo.refiners:CycleGANForegroundBackground",
    "DeepLabV2": "refinezoo.tasks.segmentation:DeepLabV2",
    "DepthUNet": "refinezoo.tasks.depth:DepthUNet",
    "FDA": "refinezoo.refiners:FDA",
    "ObstacleRange": "refinezoo.tasks.obstacle_range:ObstacleRange",
    "PVANET": "refinezoo.tasks.detection:PVANET",
    "PixelDA": "refinezoo.refiners:PixelDA",
    "PoseTower": "refinezoo.tasks.pose:PoseTower",
    "Reinhard": "refinezoo.refiners:Reinhard",
    "SimGAN": "refinezoo.refiners:SimGAN",
    "SSD300": "refinezoo.tasks.detection:SSD300",
    "T2Net": "refinezoo.refiners:T2Net",
    "YOLOv3": "refinezoo.tasks.detection:YOLOv3",
}


class Preset(Strict):
    """What `config.json` of a preset holds."""

    format: Literal[1]
    class_name: str = Field(alias="class")
    config: dict[str, Any]
    refinezoo_version: str = ""
    weights: Weights | None = None


def model_class(name: str) -> type:
    """The class registered under `name`, for example `"CycleGAN"`."""
    if name not in REGISTRY:
        raise RefinezooError(
            f"expected a registered model class, received {name!r}."
            f"{did_you_mean(name, REGISTRY)} Registered: {', '.join(sorted(REGISTRY))}."
        )
    module, _, attribute = REGISTRY[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def build(class_name: str, config: dict[str, Any], where: str) -> Any:
    """A model of a registered class from its constructor arguments, without trained weights."""
    cls: Any = model_class(class_name)
    try:
        return cls.from_config(dict(config))
    except RefinezooError:
        raise
    except (TypeError, ValueError, KeyError) as error:
        raise RefinezooError(
            f"{where}: {class_name} cannot be built from its config: {error}. "
            "Expected the arguments of its constructor; was the file edited, or written by "
            "another version of refinezoo?"
        ) from error


def save_to_preset(model: Any, folder: str | os.PathLike, *, half: bool = True) -> Path:
    """Writes `model` as a preset folder, in full or not at all.

    Args:
        model: an instance of a class in `REGISTRY`; the weights of its `preset_network`, or else
            of its `inference_network`, are kept (not the optimizer, critics or pools).
        folder: where to write; an older preset there is replaced.
        half: store the weights as float16. Loaded models compute in float32 all the same.

    Returns:
        The folder.
    """
    name = type(model).__name__
    if name not in REGISTRY or not issubclass(type(model), model_class(name)):
        raise RefinezooError(
            f"expected an instance of one of {', '.join(sorted(REGISTRY))}, received {name}. "
            "Add the class to refinezoo.presets.REGISTRY to give it presets."
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
    if folder.exists() and any(folder.iterdir()) and not (folder / CONFIG_FILE).exists():
        raise RefinezooError(
            f"{folder} holds files that are not a preset; replacing it would delete them. "
            "Give a new folder."
        )
    with atomic_folder(folder) as temporary:
        record = None
        network = preset_network(model)
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
    return folder


def load_preset(folder: str | os.PathLike, weights: str | None = "pretrained") -> Any:
    """The model of a preset folder; `weights=None` leaves it untrained."""
    folder = Path(folder)
    preset = read_preset(folder)
    model = build(preset.class_name, preset.config, str(folder / CONFIG_FILE))
    if weights is not None and preset.weights is not None:
        path = folder / preset.weights.file
        check_weights(path, preset.weights)
        load_weights(preset_network(model), path)
    return model


def preset_network(model: Any) -> Any:
    """The network whose weights a preset holds: PixelDA's has its task model beside the refiner."""
    return getattr(model, "preset_network", None) or model.inference_network


def read_preset(folder: str | os.PathLike) -> Preset:
    """The checked `config.json` of a preset folder."""
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise RefinezooError(
            f"expected a preset folder with {CONFIG_FILE}, received {Path(folder)} without one. "
            "Write one with model.save_to_preset(folder)."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RefinezooError(f"{path}: not valid JSON ({error}). Write the preset anew.") from None
    return validate(Preset, values, str(path))


def save_half(network: "keras.Model", path: str | os.PathLike, *, half: bool = True) -> dict:
    """Writes the weights of `network` as Keras `.weights.h5`, float16 where that loses no range.

    Returns:
        `{"file", "bytes", "sha256", "dtype"}`, as a zoo config and a preset hold it.
    """
    import h5py
    import numpy as np

    path = Path(path)
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / WEIGHTS_FILE
        network.save_weights(full)
        with atomic_path(path) as temporary:
            with h5py.File(full, "r") as source, h5py.File(temporary, "w") as target:

                def copy(name: str, item: Any) -> None:
                    if name.split("/")[0] == "optimizer":
                        return
                    if not isinstance(item, h5py.Dataset):
                        group = target.require_group(name)
                        group.attrs.update(item.attrs)
                        return
                    values = item[()]
                    if values.dtype.kind == "f" and not np.isfinite(values).all():
                        raise RefinezooError(
                            f"weight {name} holds NaN or infinite values; a preset of a "
                            "diverged model is not written. Go back to its last good checkpoint."
                        )
                    # Amplitudes and moving variances can leave the range of float16.
                    if half and values.dtype == np.float32 and np.abs(values).max(initial=0) < 6e4:
                        values = values.astype(np.float16)
                    packing: dict[str, Any] = {}
                    if values.size > 256:
                        packing = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
                    dataset = target.create_dataset(name, data=values, **packing)
                    dataset.attrs.update(item.attrs)

                target.attrs.update(source.attrs)
                source.visititems(copy)
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
        "dtype": "float16" if half else "float32",
    }


def load_weights(network: "keras.Model", path: str | os.PathLike) -> None:
    """Reads a file of `save_half` into `network`, on any backend; float16 becomes float32.

    Raises:
        RefinezooError: the file is no HDF5 file, or its weights are not those of `network`.
    """
    import h5py
    import numpy as np

    with tempfile.TemporaryDirectory() as scratch:
        blank, full = Path(scratch) / "blank.weights.h5", Path(scratch) / WEIGHTS_FILE
        network.save_weights(blank)
        try:
            with h5py.File(path, "r") as source, h5py.File(full, "w") as target:
                found = _shapes(source)

                def widen(name: str, item: Any) -> None:
                    if not isinstance(item, h5py.Dataset):
                        target.require_group(name).attrs.update(item.attrs)
                        return
                    values = item[()]
                    if values.dtype == np.float16:
                        values = values.astype(np.float32)
                    target.create_dataset(name, data=values).attrs.update(item.attrs)

                target.attrs.update(source.attrs)
                source.visititems(widen)
        except OSError as error:
            raise RefinezooError(
                f"expected a weights file (HDF5) at {path}, received one that cannot be read: "
                f"{error}. Copy or install it again."
            ) from None
        with h5py.File(blank, "r") as file:
            expected = _shapes(file)
        _compare_shapes(expected, found, path)
        network.load_weights(full)


def check_weights(path: Path, weights: Weights) -> None:
    """Compares a weights file with its recorded size and SHA-256, before anything reads it."""
    if not path.is_file():
        raise RefinezooError(
            f"expected the weights file {path}, received no file there. Install the package or "
            "copy the preset again."
        )
    received = sha256(path)
    if received != weights.sha256:
        raise RefinezooError(
            f"{path} is not the file that was released: expected sha256 {weights.sha256} "
            f"({weights.bytes} bytes), received sha256 {received} ({path.stat().st_size} bytes). "
            "It was truncated or changed; install or copy it again. It has not been read."
        )


def _shapes(file: Any) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}

    def visit(name: str, item: Any) -> None:
        if hasattr(item, "shape") and name.split("/")[0] != "optimizer":
            shapes[name] = tuple(item.shape)

    file.visititems(visit)
    return shapes


def _compare_shapes(expected: dict, found: dict, path: str | os.PathLike) -> None:
    problems = [f"{name}: expected, missing" for name in expected if name not in found]
    problems += [f"{name}: not in the network" for name in found if name not in expected]
    problems += [
        f"{name}: expected shape {expected[name]}, received {found[name]}"
        for name in expected
        if name in found and expected[name] != found[name]
    ]
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise RefinezooError(
            f"the weights in {path} do not fit this network: {'; '.join(problems[:3])}{more}. "
            "Build the model with the config that was saved beside the weights."
        )
