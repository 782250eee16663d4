"""Weights on disk: HDF5 in half precision, of which nothing is believed that the network denies."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from refinezoo.config import Strict
from refinezoo.errors import RefinezooError
from refinezoo.files import sha256

if TYPE_CHECKING:
    import keras

WEIGHTS_FILE = "model.weights.h5"


class Weights(Strict):
    """A weights file beside the config: its name, size in bytes, checksum and stored type."""

    file: str = Field(pattern=r"^[A-Za-z0-9_.-]+\.weights\.h5$")
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    dtype: Literal["float16", "float32"] = "float16"


def save_half(network: "keras.Model", path: str | os.PathLike, *, half: bool = True) -> dict:
    """Writes the weights of `network` as Keras `.weights.h5`, float16 where that loses no range.

    Returns:
        `{"file", "bytes", "sha256", "dtype"}`, as a zoo config and a preset hold it.
    """
    import h5py
    import keras

    from refinezoo.models.hdf5 import InMemory, datasets, write_weights  # NumPy: not to list models
    from refinezoo.models.variables import named_variables

    path = Path(path)
    if (variables := named_variables(network)) is not None:
        values = {name: keras.ops.convert_to_numpy(v) for name, v in variables.items()}
    else:
        saved = InMemory()
        network.save_weights(saved)
        with h5py.File(saved, "r") as file:
            values = {name: dataset[()] for name, dataset in datasets(file).items()}
    write_weights(path, without_optimizer(values), half=half)
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
        "dtype": "float16" if half else "float32",
    }


def load_weights(
    network: "keras.Model", path: str | os.PathLike, *, optimizer: bool = False
) -> None:
    """Reads a file of `save_half` into `network`, on any backend; float16 becomes float32.

    With `optimizer` the file is one that Keras saved of a compiled model, and all of it is read.

    Raises:
        RefinezooError: the file is no HDF5 file, or its weights are not those of `network`.
    """
    import h5py
    import numpy as np

    from refinezoo.models.hdf5 import InMemory, datasets, read_weights  # NumPy: not to list models
    from refinezoo.models.variables import named_variables

    if not optimizer and (variables := named_variables(network)) is not None:
        own_types = {n: (tuple(v.shape), np.dtype(v.dtype)) for n, v in variables.items()}
        for name, values in read_weights(path, own_types).items():
            variables[name].assign(values)
        return
    saved = InMemory()
    network.save_weights(saved)
    with h5py.File(saved, "r+") as file:
        own = datasets(file) if optimizer else without_optimizer(datasets(file))
        expected = {name: (dataset.shape, dataset.dtype) for name, dataset in own.items()}
        for name, values in read_weights(path, expected).items():
            own[name][...] = values
    network.load_weights(saved)


def without_optimizer(values: dict[str, Any]) -> dict[str, Any]:
    """Those of a network alone, if it was compiled."""
    return {name: value for name, value in values.items() if not name.startswith("optimizer/")}


def check_weights(path: Path, weights: Weights) -> None:
    """Compares a weights file with its recorded size and SHA-256, before anything reads it."""
    if not path.is_file():
        raise RefinezooError(
            f"expected the weights file {path}, received no file there. Install the package or "
            "copy the preset again."
        )
    size = path.stat().st_size
    received = sha256(path) if size == weights.bytes else "not computed"
    if received != weights.sha256:
        raise RefinezooError(
            f"{path} is not the file that was released: expected sha256 {weights.sha256} "
            f"({weights.bytes} bytes), received sha256 {received} ({size} bytes). "
            "It was truncated or changed; install or copy it again. It has not been read."
        )
