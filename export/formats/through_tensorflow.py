"""Exports a model of another backend through TensorFlow, in a process of its own.

The weights are one file for both backends: they go through a preset folder, in full precision.
`python -m refinezoo.export.formats.through_tensorflow` is that process: it reads requests and gives
replies, a line of JSON each, until its input ends.
"""

import functools
import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.files import scratch_folder
from refinezoo.models.elsewhere import environment, import_modules, own_modules

_open: ContextVar["_TensorFlow | None"] = ContextVar("tensorflow", default=None)


def in_tensorflow(write: Callable[..., Path]) -> Callable[..., Path]:
    """Decorates a writer: on another backend it runs in a TensorFlow process, from a preset.

    Raises:
        RefinezooError: the model's class has no preset, or the export failed; with its last words.
    """

    @functools.wraps(write)
    def call(model: Any, path: str | os.PathLike, *args: Any, **options: Any) -> Path:
        import keras

        if keras.backend.backend() == "tensorflow":
            return write(model, path, *args, **options)
        if not find_spec("tensorflow"):
            raise RefinezooError(
                "expected TensorFlow, which makes every export, received an environment without. "
                'Call pip install "refinezoo[tensorflow]".'
            )
        given = inspect.signature(write).bind(model, path, *args, **options).arguments
        options = dict(list(given.items())[2:])  # without the model and the path
        with one_process() as process:
            process.write(write.__name__, model, path, options)
        return Path(path)

    return call


@contextmanager
def one_process() -> Iterator["_TensorFlow"]:
    """Exports inside of it share one TensorFlow process, which starts with the first of them.

    On the TensorFlow backend none starts. A model that is exported twice must not change between.
    """
    if (outer := _open.get()) is not None:
        yield outer
        return
    process = _TensorFlow()
    token = _open.set(process)
    try:
        yield process
    finally:
        _open.reset(token)
        process.close()


class _TensorFlow:
    """The process that exports, the preset it reads, and what it says on its way down."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._replies: IO[str]
        self._words: IO[bytes]
        self._resources = ExitStack()  # of the process
        self._preset = ExitStack()  # of the model exported last
        self._model: Any = None
        self._folder, self._number = Path(), 0

    def write(
        self, format_name: str, model: Any, path: str | os.PathLike, options: dict[str, Any]
    ) -> None:
        """Exports `model` there.

        Raises:
            RefinezooError: as the writer's, or with the last words of the process.
        """
        if model is not self._model:
            self._take(model, path)
        options = dict(options)
        request: dict[str, Any] = {"format": format_name, "path": Path(path).absolute()}
        request |= {"preset": self._folder, "number": self._number}
        if (frames := options.pop("calibration", None)) is not None:
            request["calibration"] = self._folder.parent / "frames.npz"
            np.savez(request["calibration"], *frames)
        reply = self._ask(json.dumps({**request, "options": options}, default=_as_path))
        if "refused" in reply:
            raise RefinezooError(reply["refused"])
        if "failed" in reply:
            raise RefinezooError(
                f"exporting through TensorFlow failed: {reply['failed']}. Save the model with "
                "save_to_preset and export it under KERAS_BACKEND=tensorflow to see the whole "
                "error."
            )

    def close(self) -> None:
        """Ends the process, which is done when its input ends, and removes the preset."""
        self._preset.close()
        self._resources.close()

    def _take(self, model: Any, path: str | os.PathLike) -> None:
        from refinezoo.models.presets import save_to_preset

        self._preset.close()
        self._model = None
        scratch = self._preset.enter_context(scratch_folder(path))
        folder = save_to_preset(model, scratch / "preset", half=False, training=False)
        self._folder, self._number = folder.absolute(), self._number + 1
        self._model = model

    def _ask(self, request: str) -> dict[str, str]:
        """The reply to a request; a process that is gone has failed, with its last words."""
        if self._process is None:
            self._process = self._started()
        requests, replies = self._process.stdin, self._replies
        with suppress(BrokenPipeError):
            print(request, file=requests, flush=True)
        reply = replies.readline()
        if reply:
            return json.loads(reply)
        self._process.wait()
        self._process = None
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip().splitlines()
        self._resources.close()
        return {"failed": (words or ["no message"])[-1]}

    def _started(self) -> "subprocess.Popen[str]":
        """A process that reads requests from its input and replies by a pipe of its own.

        Its output is what converters print.
        """
        modules = own_modules()
        self._words = self._resources.enter_context(tempfile.TemporaryFile())
        ours, theirs = os.pipe()
        self._replies = self._resources.enter_context(os.fdopen(ours, encoding="utf-8"))
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs), *modules],
            env=environment(modules, KERAS_BACKEND="tensorflow"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._words,
            pass_fds=[theirs],
            text=True,
        )
        os.close(theirs)
        self._resources.enter_context(process)  # closes its input and waits for its end
        return process


def _as_path(value: Any) -> str:
    """A path, or a `CocoDataset` as its file, so that another process can read it."""
    return os.fspath(getattr(value, "json_path", value))


def main(pipe: int, modules: Sequence[str] = ()) -> None:
    """Answers requests of the input to the pipe: a preset is loaded once for all in a row."""
    from refinezoo.models.presets import load_preset

    import_modules(modules)
    number, model = None, None
    with os.fdopen(pipe, "w", encoding="utf-8") as replies:
        for line in sys.stdin:
            asked, said = json.loads(line), {}
            try:
                if asked["number"] != number:
                    number, model = asked["number"], load_preset(asked["preset"])
                _write(model, asked)
            except RefinezooError as error:
                said = {"refused": str(error)}
            except Exception as error:
                said = {"failed": f"{type(error).__name__}: {error}".splitlines()[-1]}
            print(json.dumps(said), file=replies, flush=True)


def _write(model: Any, asked: dict[str, Any]) -> None:
    from refinezoo.export.registry import formats

    options = asked["options"]
    if "calibration" in asked:
        with np.load(asked["calibration"]) as arrays:
            options["calibration"] = [arrays[key] for key in arrays.files]
    formats()[asked["format"]].write(model, asked["path"], **options)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
