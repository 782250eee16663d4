"""ONNX files, for ONNX Runtime and whatever else reads them."""

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.export.formats.edge_graph import (
    checked_path,
    converting,
    edge_function,
    edge_info,
    image_sizes,
)
from refinezoo.export.formats.through_tensorflow import in_tensorflow
from refinezoo.export.registry import FULL, export_format
from refinezoo.export.runtimes.opening import INFO_KEY, needs, read_info, started
from refinezoo.files import atomic_path

OPSET = 18


class OnnxRuntime:
    """`.onnx` in ONNX Runtime, on the CPU."""

    def __init__(self, path: Path, threads: int | None):
        runtime = needs("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3
        self._session = started(
            path,
            lambda: runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            ),
        )
        properties = self._session.get_modelmeta().custom_metadata_map
        self.info = read_info(path, properties.get(INFO_KEY))
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the graph."""
        given = self._session.run(None, {"images": images})
        return dict(zip(self._outputs, given, strict=True))


@export_format(
    ".onnx",
    opens=OnnxRuntime,
    runtime="onnxruntime",
    verified="onnxruntime, CPU",
    packages=("onnxruntime", "tf2onnx"),
    extra="onnx",
)
@in_tensorflow
def onnx(model: Any, path: str | os.PathLike, image_size: Any = None) -> Path:
    """Writes `model` as an ONNX file (opset 18, standard operators), float32.

    Inputs and outputs are those of `export.litert`; the metadata property `refinezoo` holds name,
    classes, value ranges and weights hash as JSON. A model on the JAX backend goes through a
    TensorFlow process of its own.

    Args:
        model: a refiner, detector or depth model.
        path: the file, `.onnx`; replaced if it exists.
        image_size: a side or (height, width), pixels; None is the size the model was trained at.

    Returns:
        The file.

    Raises:
        RefinezooError: bad arguments, or tf2onnx is missing or cannot convert the model.
    """
    file: Path = checked_path(path, ".onnx")
    (size,) = image_sizes(model, image_size)
    content = onnx_model(model, size)
    entry = content.metadata_props.add()
    entry.key = INFO_KEY
    info = edge_info(model, [size], format="onnx", precision=FULL)
    entry.value = json.dumps(info, ensure_ascii=False)
    with atomic_path(file) as temporary:
        temporary.write_bytes(content.SerializeToString())
    return file


def onnx_model(model: Any, size: tuple[int | None, int | None], *, loops: bool = True) -> Any:
    """The `ModelProto` of the edge graph for one size.

    Without `loops` the suppression of boxes is written out in eight rounds.
    """
    from refinezoo.tasks.detection.nms import unrolled

    tf2onnx = needs("tf2onnx", "onnx")
    with converting("ONNX"), nullcontext() if loops else unrolled():
        # Keras keeps what tf2onnx lacks for NumPy 2.
        from keras.src.export.tf2onnx_lib import patch_tf2onnx

        patch_tf2onnx()
        function = edge_function(model, size)
        proto, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=OPSET)
        _round_scales_up(proto.graph)
    return proto


def _round_scales_up(graph: Any) -> None:
    """Keeps a resized map from losing a pixel.

    tf2onnx writes 13 / 7 as a float32, and runtimes floor 7 * 1.8571428 to 12.
    """
    from onnx import numpy_helper

    scales = {node.input[2] for node in graph.node if node.op_type == "Resize"}
    for constant in graph.initializer:
        if constant.name in scales:
            values = numpy_helper.to_array(constant)
            whole = (values % 1 == 0) | (values == 0.5)
            up = np.where(whole, values, values * (1 + 1e-6)).astype(values.dtype)
            constant.CopyFrom(numpy_helper.from_array(up, constant.name))
