"""Starts Keras and its backend without the notes that TensorFlow writes past Python's logging."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from refinezoo.errors import RefinezooError

_NOTES = (
    "I0000 ",
    "W0000 ",
    "WARNING: All log messages before absl::InitializeLog()",
    "INFO: ",
    "fully_quantize: ",
)


def start_backend(show_notes: bool = False) -> None:
    """Imports Keras and starts its device; warnings and errors still reach stderr.

    Args:
        show_notes: whether to pass everything on (for debugging).

    Raises:
        RefinezooError: the backend is not installed.
    """
    with without_notes(show_notes), without_garbage_collection():
        try:
            import keras
        except ImportError as error:
            raise RefinezooError(
                f"Keras cannot start its backend: {error}. refinezoo runs on tensorflow and jax: "
                "set KERAS_BACKEND=tensorflow, or correct keras.json, or install that backend "
                '(pip install "refinezoo[tensorflow]" or "refinezoo[jax]").'
            ) from None
        keras.config.set_image_data_format("channels_last")  # whatever keras.json says
        keras.ops.zeros((1,))


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """For imports: to look again and again through objects that stay is a tenth of their time.

    Later collections leave those objects alone, too.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


@contextmanager
def without_notes(show_notes: bool = False) -> Iterator[None]:
    """Holds stderr back and then passes on all of it but the notes of C++ libraries.

    TensorFlow 2.21 prints its first notes from C++ whatever `TF_CPP_MIN_LOG_LEVEL` says, so file
    descriptor 2 itself is held back meanwhile.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            lines = held.read().decode("utf-8", "replace").splitlines(keepends=True)
            said = [line for line in lines if show_notes or not line.startswith(_NOTES)]
            os.write(2, "".join(said).encode())
