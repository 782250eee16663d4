"""Starts Keras and its backend without the notes that TensorFlow writes past Python's logging."""

import os
import sys
import tempfile

_NOTES = ("I0000 ", "WARNING: All log messages before absl::InitializeLog()")


def start_backend(show_notes: bool = False) -> None:
    """Imports Keras and starts its device; warnings and errors still reach stderr.

    TensorFlow 2.21 prints its first notes from C++ whatever `TF_CPP_MIN_LOG_LEVEL` says, so file
    descriptor 2 itself is held back meanwhile.

    Args:
        show_notes: whether to pass everything on (for debugging).
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import keras

            keras.ops.zeros((1,))
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            lines = held.read().decode("utf-8", "replace").splitlines(keepends=True)
            said = [line for line in lines if show_notes or not line.startswith(_NOTES)]
            os.write(2, "".join(said).encode())
