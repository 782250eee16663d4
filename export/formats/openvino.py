"""OpenVINO IR (`.xml` and `.bin`), for Intel and AMD processors and Intel accelerators."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
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
    write_edge_graph,
)
from refinezoo.export.formats.int8 import CALIBRATION_FRAMES, float_ladder, prepared, quantized
from refinezoo.export.formats.onnx import onnx_model
from refinezoo.export.formats.through_tensorflow import in_tensorflow
from refinezoo.export.registry import FULL, export_format
from refinezoo.export.runtimes.opening import INFO_KEY, needs, read_info, started
from refinezoo.files import atomic_path, scratch_folder
from refinezoo.renames import renamed

PRECISIONS = (FULL, "bf16", "int8")


class OpenVinoRuntime:
    """`.xml` with its `.bin` in OpenVINO, on the CPU, in the precision the file asks for."""

    def __init__(self, path: Path, threads: int | None):
        runtime = needs("openvino", "openvino")
        core = runtime.Core()
        model = started(path, lambda: core.read_model(path))
        known = model.has_rt_info([INFO_KEY])
        self.info = read_info(path, model.get_rt_info([INFO_KEY]).astype(str) if known else None)
        # Of what is not quantised: the integers are in the graph.
        precision = "bf16" if self.info["precision"] == "bf16" else "f32"
        hints: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads is not None:
            hints["INFERENCE_NUM_THREADS"] = threads
        self._compiled = started(path, lambda: core.compile_model(model, "CPU", hints))

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the graph."""
        given = self._compiled({"images": images})
        return {self._named(output): np.array(array) for output, array in given.items()}

    def _named(self, output: Any) -> str:
        """The output's name in the file's description: OpenVINO keeps names of inner nodes too."""
        return next(
            (name for name in self.info["outputs"] if name in output.names), output.any_name
        )


@export_format(
    ".xml",
    opens=OpenVinoRuntime,
    runtime="openvino",
    verified="openvino, CPU",
    packages=("openvino", "tf2onnx", "onnxruntime"),
    extra="openvino",
    precisions=PRECISIONS,
    beside=(".bin",),
)
@renamed(frames="calibration")
@in_tensorflow
def openvino(
    model: Any,
    path: str | os.PathLike,
    image_size: Any = None,
    precision: Literal["float32", "bf16", "int8"] = "float32",
    calibration: Sequence[np.ndarray] | None = None,
    *,
    evaluation: Any = None,
    force: bool = False,
) -> Path:
    """Writes `model` as OpenVINO IR.

    Inputs and outputs are those of `export.litert`; the runtime info `refinezoo` holds name,
    classes, value ranges and weights hash as JSON. A model on the JAX backend goes through a
    TensorFlow process of its own.

    OpenVINO 2026.4 reads no graph of ours in both ways: from TensorFlow it confuses the axes of a
    depth-to-space (upsampling), from ONNX it refuses the loop of the suppression of boxes. So
    detectors are converted from the TensorFlow graph, all else from the ONNX graph. An int8
    detector is converted from ONNX too, its suppression written out in eight rounds.

    Args:
        model: a refiner, detector or depth model.
        path: the `.xml` file; the weights go to the `.bin` beside it. Both are replaced.
        image_size: a side or (height, width), pixels; None is the size the model was trained at.
        precision: `"bf16"` stores float16 weights and asks the runtime for bfloat16 arithmetic,
            where the processor has it; `"int8"` computes convolutions in integers, all else in
            float32. Both must pass the quality gate (`export.checks.quality`).
        calibration: uint8 `[H, W, 3]` each, to measure that on, and three of four of them to
            calibrate int8; None takes the packaged real photos.
        evaluation: `CocoDataset`, or its folder, to measure a detector's AP50 on; None takes the
            packaged photos.
        force: write such a file even if it lost too much.

    Returns:
        The `.xml` file.

    Raises:
        RefinezooError: bad arguments, OpenVINO is missing or cannot convert the model, or it
            lost too much; then the error says what was reached.
    """
    file: Path = checked_path(path, ".xml")
    precision = checked_precision(precision, PRECISIONS)
    (size,) = image_sizes(model, image_size)
    runtime = needs("openvino", "openvino")
    with scratch_folder(file) as scratch:

        def write(source: Path, name: str, **said: Any) -> Path:
            made = scratch / name
            info = edge_info(model, [size], format="openvino", precision=precision, **said)
            with converting("OpenVINO"):
                converted = runtime.convert_model(source)
                converted.set_rt_info(json.dumps(info, ensure_ascii=False), [INFO_KEY])
                runtime.save_model(converted, made, compress_to_fp16=precision != FULL)
            return made

        if precision == FULL:
            made = write(_float_graph(model, size, scratch), file.name)
        else:
            gate = QualityGate(model, real_frames(calibration), evaluation, force=force)
            for source, kept in _attempts(model, size, precision, scratch, gate.calibration):
                quality = gate.measure(write(source, file.name, kept_float=kept))
                if quality.passed:
                    break
            gate.check(quality, precision, PRECISIONS)
            made = write(
                source, f"measured_{file.name}", kept_float=kept, quality=quality.as_dict()
            )
        # The weights first: an .xml never stands beside the weights of another model.
        for suffix in (".bin", ".xml"):
            with atomic_path(file.with_suffix(suffix)) as temporary:
                shutil.copyfile(made.with_suffix(suffix), temporary)
    return file


def _float_graph(model: Any, size: Size, scratch: Path) -> Path:
    if not model.kind.loops:
        return _onnx_graph(onnx_model(model, size), scratch)
    with converting("OpenVINO"):
        write_edge_graph(model, scratch / "graph", [size])
    return scratch / "graph"


def _onnx_graph(graph: Any, scratch: Path) -> Path:
    source = scratch / "graph.onnx"
    source.write_bytes(graph.SerializeToString())
    return source


def _attempts(
    model: Any, size: Size, precision: str, scratch: Path, frames: list[np.ndarray]
) -> Iterator[tuple[Path, list[str]]]:
    """Graphs to try in turn, and their convolutions that stay float."""
    if precision == "bf16":
        yield _float_graph(model, size, scratch), []
        return
    source = _onnx_graph(onnx_model(model, size, loops=False), scratch)
    images = [fitted(model, frame, size) for frame in frames[:CALIBRATION_FRAMES]]
    with converting("OpenVINO"):
        source, given = source.with_stem("prepared"), source
        names = prepared(given, source)
    for kept in float_ladder([names]):
        with converting("OpenVINO"):
            made = quantized(source, source.with_stem("int8"), images, kept)
        yield made, kept
