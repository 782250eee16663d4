"""One way to run a file of each format: uint8 `[1, H, W, 3]` in, a dictionary of arrays out.

None of them imports Keras or TensorFlow's Python.
"""

import importlib
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.quiet import without_notes

INFO_KEY = "refinezoo"  # of ONNX metadata and OpenVINO runtime info
INFO_NAME = "model_info.json"  # in a LiteRT file, and in a SavedModel's assets.extra


class LiteRTRuntime:
    """`.tflite` in `ai-edge-litert`, one signature a size."""

    def __init__(self, path: Path, threads: int | None):
        interpreter = needs("ai_edge_litert.interpreter", "litert")
        self.info = litert_info(path)
        self._interpreter = _started(
            path, lambda: interpreter.Interpreter(model_path=str(path), num_threads=threads)
        )
        self._runners: dict[str, Any] = {}

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the signature of the images' size."""
        name = signature_name(images.shape[1:3])
        if name in self._runners:
            return self._runners[name](images=images)
        with without_notes():  # the first run sets up the kernels
            self._runners[name] = self._interpreter.get_signature_runner(name)
            return self._runners[name](images=images)


class OnnxRuntime:
    """`.onnx` in ONNX Runtime, on the CPU."""

    def __init__(self, path: Path, threads: int | None):
        runtime = needs("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3
        self._session = _started(
            path,
            lambda: runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            ),
        )
        properties = self._session.get_modelmeta().custom_metadata_map
        self.info = _info(path, properties.get(INFO_KEY))
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the graph."""
        given = self._session.run(None, {"images": images})
        return dict(zip(self._outputs, given, strict=True))


class OpenVinoRuntime:
    """`.xml` with its `.bin` in OpenVINO, on the CPU, in the precision the file asks for."""

    def __init__(self, path: Path, threads: int | None):
        runtime = needs("openvino", "openvino")
        core = runtime.Core()
        model = _started(path, lambda: core.read_model(path))
        known = model.has_rt_info([INFO_KEY])
        self.info = _info(path, model.get_rt_info([INFO_KEY]).astype(str) if known else None)
        # Of what is not quantised: the integers are in the graph.
        precision = "bf16" if self.info["precision"] == "bf16" else "f32"
        hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            hints["INFERENCE_NUM_THREADS"] = threads
        self._compiled = _started(path, lambda: core.compile_model(model, "CPU", hints))

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the graph."""
        given = self._compiled({"images": images})
        return {output.any_name: np.array(array) for output, array in given.items()}


class SavedModelRuntime:
    """A version folder in TensorFlow's C++ session loader, signature `tensor`; any size."""

    def __init__(self, path: Path, threads: int | None):
        from refinezoo.export.runtimes.session import SavedModelSession

        file = path / "assets.extra" / INFO_NAME
        self.info = _info(path, file.read_text(encoding="utf-8") if file.is_file() else None)
        self.info |= {"format": "saved_model", "sizes": [[None, None]]}
        self._session = _started(path, lambda: SavedModelSession(path, threads=threads))
        self._signature = "tensor"

    def run(self, images: np.ndarray, **more: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the signature; a refiner's answer is called `refined`, as in the other formats."""
        given = self._session.run(self._signature, images=images, **more)
        if "images" in given:
            given["refined"] = given.pop("images")
        return given


_RUNTIMES: dict[str, Any] = {
    ".tflite": LiteRTRuntime,
    ".onnx": OnnxRuntime,
    ".xml": OpenVinoRuntime,
}


def open_runtime(path: str | os.PathLike, threads: int | None = None) -> Any:
    """The runtime of an exported file, with `run(images)` and `info`.

    Raises:
        RefinezooError: unknown suffix, missing or foreign file, or the runtime is not installed.
    """
    path = Path(path)
    if is_saved_model(path):
        return SavedModelRuntime(path, threads)
    if path.suffix not in _RUNTIMES:
        raise RefinezooError(
            f"expected a file that ends in {', '.join(_RUNTIMES)} or a SavedModel's version "
            f"folder, received {str(path)!r}."
        )
    if not path.is_file():
        raise RefinezooError(f"expected an exported file, found none at {str(path)!r}.")
    return _RUNTIMES[path.suffix](path, threads)


def is_saved_model(path: Path) -> bool:
    """Whether `path` is a version folder."""
    return (path / "saved_model.pb").is_file()


def is_exported(path: str | os.PathLike) -> bool:
    """Whether `path` looks like a file or folder that an export wrote."""
    return Path(path).suffix in _RUNTIMES or is_saved_model(Path(path))


def litert_info(path: str | os.PathLike) -> dict[str, Any]:
    """What `litert` wrote of the model into the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(INFO_NAME).decode()
    except (zipfile.BadZipFile, KeyError, ValueError):
        text = None
    return _info(Path(path), text)


def signature_name(size: Any) -> str:
    """The name of a LiteRT file's entry point for one size (height, width)."""
    return f"image_{size[0]}x{size[1]}"


def needs(module: str, extra: str) -> Any:
    """Imports an optional package, or says how to install it."""
    if module == "openvino":
        # Its import sends a usage report to an analytics service, unless this package is missing.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise RefinezooError(
            f"expected the package {module.split('.')[0]}, which is not installed. "
            f"Install it with: pip install 'refinezoo[{extra}]'"
        ) from error


def _info(path: Path, text: str | None) -> dict[str, Any]:
    try:
        return json.loads(text or "")
    except ValueError:
        raise RefinezooError(
            f"{path}: expected a model that refinezoo exported, received one without its "
            "description. Was it truncated, or written by another program? Export it again."
        ) from None


def _started(path: Path, start: Any) -> Any:
    try:
        with without_notes():
            return start()
    except RefinezooError:
        raise
    except Exception as error:
        last = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise RefinezooError(
            f"{path}: its runtime cannot load it ({last[0][:200]}). Was the file truncated, or "
            "made for another version? Export it again."
        ) from error
