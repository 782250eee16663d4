"""OpenVINO IR (`.xml` and `.bin`), for Intel and AMD processors and Intel accelerators."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Literal

from refinezoo.errors import RefinezooError

from .edge_graph import checked_path, converting, edge_info, image_sizes, write_edge_graph
from .from_preset import through_tensorflow
from .quality import QualityGate, dataset_path, real_frames
from .runtimes import INFO_KEY, needs
from .signatures import kind_of
from .to_onnx import onnx_model


def openvino(
    model: Any,
    path: str | os.PathLike,
    image_size: Any = None,
    precision: Literal["f32", "bf16"] = "f32",
    *,
    frames: Any = None,
    evaluation: Any = None,
    force: bool = False,
) -> Path:
    """Writes `model` as OpenVINO IR.

    Inputs and outputs are those of `export.litert`; the runtime info `refinezoo` holds name,
    classes, value ranges and weights hash as JSON. A model on the JAX backend goes through a
    TensorFlow process of its own.

    OpenVINO 2026.4 reads no graph of ours in both ways: from TensorFlow it confuses the axes of a
    depth-to-space (upsampling), from ONNX it refuses the loop of the suppression of boxes. So
    detectors are converted from the TensorFlow graph, all else from the ONNX graph.

    Args:
        model: a refiner, detector or depth model.
        path: the `.xml` file; the weights go to the `.bin` beside it. Both are replaced.
        image_size: a side or (height, width), pixels; None is the size the model was trained at.
        precision: `"bf16"` stores float16 weights and asks the runtime for bfloat16 arithmetic,
            where the processor has it; it must pass the quality gate (`export.quality`).
        frames: uint8 `[H, W, 3]` each, to measure that on; None takes the packaged real photos.
        evaluation: `CocoDataset`, or its folder, to measure a detector's AP50 on; None takes the
            packaged photos.
        force: write a bf16 file even if it lost too much.

    Returns:
        The `.xml` file.

    Raises:
        RefinezooError: bad arguments, OpenVINO is missing or cannot convert the model, or bf16
            lost too much; it says what was reached.
    """
    path = checked_path(path, ".xml")
    if precision not in ("f32", "bf16"):
        raise RefinezooError(f"expected precision 'f32' or 'bf16', received {precision!r}.")
    (size,) = image_sizes(model, image_size)
    import keras

    if keras.backend.backend() != "tensorflow":
        return through_tensorflow(
            "openvino", model, path, frames=frames, frames_option="frames",
            image_size=list(size), precision=precision,
            evaluation=dataset_path(evaluation), force=force,
        )  # fmt: skip
    runtime = needs("openvino", "openvino")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as scratch:
        source = Path(scratch) / "graph"
        if kind_of(model) == "detector":
            with converting("OpenVINO"):
                write_edge_graph(model, source, [size])
        else:
            source = source.with_suffix(".onnx")
            source.write_bytes(onnx_model(model, size).SerializeToString())

        def write(name: str, **quality: Any) -> Path:
            made = Path(scratch) / name
            info = edge_info(model, [size], format="openvino", precision=precision, **quality)
            with converting("OpenVINO"):
                converted = runtime.convert_model(source)
                converted.set_rt_info(json.dumps(info, ensure_ascii=False), [INFO_KEY])
                runtime.save_model(converted, made, compress_to_fp16=precision == "bf16")
            return made

        made = write(path.name)
        if precision == "bf16":
            gate = QualityGate(model, real_frames(frames), evaluation, force=force)
            quality = gate.measure(made)
            gate.check(quality, 'precision="bf16"')
            made = write(f"measured_{path.name}", quality=quality.as_dict())
        # The weights first: an .xml never stands beside the weights of another model.
        for suffix in (".bin", ".xml"):
            os.replace(made.with_suffix(suffix), path.with_suffix(suffix))
    return path
