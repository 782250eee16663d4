"""The state of a training on disk, so that a killed one goes on as if nothing had happened."""

import math
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from refinezoo.disk import check_room
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path
from refinezoo.models.hdf5 import InMemory
from refinezoo.models.weights import load_weights

if TYPE_CHECKING:
    import keras

_NAME = re.compile(r"epoch_(\d{5,})\.weights\.h5")


class Checkpoint:
    """Weights and optimizer after the last whole epoch, in one file of a folder.

    The file's name counts the epochs, so that one rename changes state and count together. Keras'
    `BackupAndRestore` writes two files in place, which a kill can leave torn or apart.

    Args:
        folder: made when the first epoch is kept.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)

    def kept(self) -> list[Path]:
        """The files, the newest first; more than one only after a kill."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        return sorted(found, key=_epochs, reverse=True)

    def check_room(self, model: "keras.Model") -> None:
        """Raises a RefinezooError unless two states of a built and compiled model have room."""
        weights = 4 * sum(math.prod(weight.shape) for weight in model.weights)
        check_room(self.folder, 2 * 3 * weights, "two checkpoints (weights and optimizer)")

    def save(self, model: "keras.Model", epochs: int) -> Path:
        """Keeps the state of a compiled model after `epochs` instead of the one before.

        Raises:
            RefinezooError: it cannot be written; the one before is still there.
        """
        content = InMemory()
        model.save_weights(content)
        path = self.folder / f"epoch_{epochs:05d}.weights.h5"
        with atomic_path(path) as temporary:
            temporary.write_bytes(content.getbuffer())
        self._delete(but=path)
        return path

    def restore(self, model: "keras.Model") -> int:
        """Puts the kept state into a model of the same config, compiled and built.

        Returns:
            The epochs that it has behind it, 0 without a kept state.

        Raises:
            RefinezooError: the file is broken or of another model.
        """
        kept = self.kept()
        if not kept:
            return 0
        try:
            load_weights(model, kept[0], optimizer=True)
        except RefinezooError as error:
            raise RefinezooError(
                f"cannot resume from {kept[0]}: {error} Delete {self.folder} to start again."
            ) from None
        self._delete(but=kept[0])  # a kill between two calls of `save` left the one before
        return _epochs(kept[0])

    def remove(self) -> None:
        """Deletes what was kept."""
        self._delete()
        with suppress(OSError):  # not there, or something else lies in it
            self.folder.rmdir()

    def _delete(self, but: Path | None = None) -> None:
        for path in self.kept():
            if path != but:
                path.unlink()


def _epochs(path: Path) -> int:
    return int(path.name.removeprefix("epoch_").split(".")[0])
