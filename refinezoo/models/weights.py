"""Weights on disk: HDF5 in half precision, checked against its SHA-256 before it is read."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from refinezoo.config import Strict
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path, sha256

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
