"""LiteRT (`.tflite`): float, float16 weights, dynamic range or int8, builtin operators only."""

import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from refinezoo.export.checks.photos import fitted, real_frames
from refinezoo.export.checks.quality import QualityGate
from refinezoo.export.formats.edge_graph import (
    Size,
    checked_path,
    checked_precision,
    converting,
    edge_info,
    image_sizes,
    signature_name,
    write_edge_graph,
)
from refinezoo.export.formats.int8 import CALIBRATION_FRAMES, float_ladder
from refinezoo.export.formats.litert_graph import CONVOLUTIONS, graph_operators, selective_int8
from refinezoo.export.formats.through_tensorflow import in_tensorflow
from refinezoo.export.registry import FULL, export_format
from refinezoo.export.runtimes.opening import INFO_NAME, MOST_INFO_BYTES, needs, read_info, started
from refinezoo.files import atomic_path, scratch_folder
from refinezoo.quiet import without_notes
from refinezoo.renames import renamed

PRECISIONS = (FULL, "float16", "dynamic", "int8")


class LiteRTRuntime:
    """`.tflite` in `ai-edge-litert`, one signature a size."""

    def __init__(self, path: Path, threads: int | None):
        interpreter = needs("ai_edge_litert.interpreter", "litert")
        self.info = litert_info(path)
        self._interpreter = started(
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


def litert_info(path: str | os.PathLike) -> dict[str, Any]:
    """What `litert` wrote of the model into the file; at most 1 MiB of it is unpacked."""
    text = None
    # NotImplementedError: an encrypted or oddly packed entry.
    with suppress(zipfile.BadZipFile, zlib.error, KeyError, ValueError, RuntimeError):
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(INFO_NAME)
            # Other methods than these two are unpacked in one piece, however little is read.
            if entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                with archive.open(entry) as file:
                    text = file.read(MOST_INFO_BYTES).decode()
    return read_info(Path(path), text)


@export_format(
    ".tflite",
    opens=LiteRTRuntime,
    runtime="ai-edge-litert",
    verified="ai-edge-litert, built-in operators only",
    packages=("ai_edge_litert",),
    extra="litert",
    precisions=PRECISIONS,
    sizes="several",
)
@renamed(quantize="precision")
@in_tensorflow
def litert(
    model: Any,
    path: str | os.PathLike,
    image_size: Any = None,
    precision: Literal["float32", "float16", "dynamic", "int8"] = "float32",
    calibration: Sequence[np.ndarray] | None = None,
    *,
    evaluation: Any = None,
    force: bool = False,
) -> Path:
    """Writes `model` as a LiteRT file that needs no Flex delegate.

    Each size is a signature of its own over the same weights (`image_256x128`); input `images`,
    uint8 `[1, H, W, 3]` RGB; a refiner gives `refined`, the same. The file is a zip archive as
    well: `unzip -p FILE model_info.json` prints name, classes, value ranges and weights hash. A
    model on the JAX backend goes through a TensorFlow process of its own.

    Args:
        model: a refiner, detector or depth model.
        path: the file, `.tflite`; replaced if it exists.
        image_size: a side, (height, width) or a list of these, pixels; None is the size the model
            was trained at.
        precision: `"float16"` halves the file; `"dynamic"` stores int8 weights and measures
            activations while it runs; `"int8"` fixes them by `calibration`.
        calibration: uint8 `[H, W, 3]` each, of what the model will see. Every fourth is held out
            to measure the quality. None takes the packaged real photos.
        evaluation: `CocoDataset`, or its folder, to measure a detector's AP50 on; None takes the
            packaged photos.
        force: write a quantised file even if it lost too much (`export.checks.quality`).

    Returns:
        The file.

    Raises:
        RefinezooError: bad arguments, a model that LiteRT's builtins cannot express, or a
            quantised model below the quality gate; it says what was reached.
    """
    file: Path = checked_path(path, ".tflite")
    precision = checked_precision(precision, PRECISIONS)
    sizes = image_sizes(model, image_size, several=True)
    with scratch_folder(file) as scratch:
        graph = scratch / "graph"
        with converting("LiteRT"):
            # TensorFlow's calibrator crashes on loops (2.21).
            write_edge_graph(model, graph, sizes, loops=precision != "int8")
        if precision == FULL:
            with converting("LiteRT"):
                content = _converter(graph, sizes).convert()
            _write(file, content, edge_info(model, sizes, format="litert", precision=precision))
            return file
        needs("ai_edge_litert", "litert")
        gate = QualityGate(model, real_frames(calibration), evaluation, force=force)
        for kept_float, convert in _attempts(model, graph, sizes, precision, gate.calibration):
            with converting("LiteRT"):
                content = convert()
            info = edge_info(
                model, sizes, format="litert", precision=precision, kept_float=kept_float
            )
            trial = scratch / "trial.tflite"
            _write(trial, content, info)
            quality = gate.measure(trial)
            if quality.passed:
                break
        gate.check(quality, precision, PRECISIONS)
        _write(file, content, {**info, "quality": quality.as_dict()})
    return file


def _write(path: Path, content: bytes, info: dict[str, Any]) -> None:
    # A zip archive behind the flatbuffer is how LiteRT files carry their associated files.
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(INFO_NAME, json.dumps(info, indent=1, ensure_ascii=False))
            if info["class_names"]:
                archive.writestr("labels.txt", "\n".join(info["class_names"]) + "\n")


def _converter(folder: Path, sizes: Sequence[Size]) -> Any:
    import tensorflow as tf

    keys = [signature_name(size) for size in sizes]
    return tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=keys)


def _attempts(
    model: Any, folder: Path, sizes: Sequence[Size], precision: str, frames: list[np.ndarray]
) -> Iterator[tuple[list[str], Callable[[], bytes]]]:
    """Conversions to try in turn: layers that stay float, and what makes the file."""
    import tensorflow as tf

    def converter():
        made = _converter(folder, sizes)
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        return made

    if precision != "int8":
        made = converter()
        if precision == "float16":
            made.target_spec.supported_types = [tf.float16]
        yield [], made.convert
        return

    def representative():
        for size in sizes:
            for frame in frames[:CALIBRATION_FRAMES]:
                image = fitted(model, frame, size)[None]
                yield signature_name(size), {"images": image}

    with converting("LiteRT"):
        made = converter()
        made.representative_dataset = representative
        made._experimental_calibrate_only = True
        calibrated = made.convert()
    graphs = [
        [output for name, output in graph if name in CONVOLUTIONS]
        for graph in graph_operators(calibrated)
    ]
    for kept in float_ladder(graphs):
        yield kept, partial(selective_int8, calibrated, kept)
