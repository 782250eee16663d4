"""The graph inside a LiteRT file: its operators, and which of them become integers.

int8 is selective. Convolutions, 99 % of the work, and what only moves or clips values between them
are integers; normalisation, residual sums and colour arithmetic stay float, because there eight
bits cost 15 to 40 dB (measured on the zoo's CycleGANs: 15 dB all integers, 54 dB like this).
"""

import os
from pathlib import Path
from typing import Any

from refinezoo.export.runtimes.opening import needs

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
INTEGER = {
    *CONVOLUTIONS,
    "RELU",
    "LEAKY_RELU",
    "MAX_POOL_2D",
    "PAD",
    "MIRROR_PAD",
    "TILE",
    "DEPTH_TO_SPACE",
}


def operators(path: str | os.PathLike) -> set[str]:
    """Names of the operators in a LiteRT file; a Flex operator is named `Flex...`."""
    return {name for graph in graph_operators(Path(path).read_bytes()) for name, _ in graph}


def selective_int8(calibrated: bytes, kept_float: list[str]) -> bytes:
    """A calibrated file with integer convolutions, but for those named in `kept_float`."""
    from tensorflow.lite.python.convert import mlir_quantize

    every = set(_names_by_code().values())
    return mlir_quantize(
        _ranges_of_integers(calibrated, set(kept_float)),
        denylisted_ops=sorted(every - INTEGER),
        denylisted_nodes=kept_float or None,
    )


def _ranges_of_integers(calibrated: bytes, kept_float: set[str]) -> bytes:
    """Measured ranges of integer convolutions and of what moves values between them, no others.

    TensorFlow 2.21 turns slices and gathers of any tensor with a range into integers, deny-listed
    or not: of the boxes, say, whose overlaps the suppression compares.
    """
    model = _parsed(calibrated)
    for graph in model.subgraphs:
        convolutions, movers = [], []
        for operator, name in zip(graph.operators, operator_names(model, graph), strict=True):
            tensors = {*operator.inputs, *operator.outputs}
            if name not in CONVOLUTIONS:
                movers += [tensors] if name in INTEGER else []
            elif _output_name(graph, operator) not in kept_float:
                convolutions.append(tensors)
        integers = set().union(*convolutions)
        while beside := [tensors for tensors in movers if tensors & integers]:
            integers.update(*beside)
            movers = [tensors for tensors in movers if tensors not in beside]
        for index, tensor in enumerate(graph.tensors):
            if index not in integers:
                tensor.quantization = None
    return bytes(_flatbuffers().convert_object_to_bytearray(model))


def graph_operators(content: bytes) -> list[list[tuple[str, str]]]:
    """Per subgraph the operators in order: name, name of the first output."""
    model = _parsed(content)
    return [
        [
            (name, _output_name(graph, operator))
            for operator, name in zip(graph.operators, operator_names(model, graph), strict=True)
        ]
        for graph in model.subgraphs
    ]


def _output_name(graph: Any, operator: Any) -> str:
    return graph.tensors[operator.outputs[0]].name.decode() if len(operator.outputs) else ""


def operator_names(model: Any, graph: Any) -> list[str]:
    """Names of a subgraph's operators, in order."""
    names = _names_by_code()
    codes = [model.operatorCodes[operator.opcodeIndex] for operator in graph.operators]
    return [
        code.customCode.decode()
        if code.customCode
        else names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in codes
    ]


def _names_by_code() -> dict[int, str]:
    schema = needs("tensorflow.lite.python.schema_py_generated", "tensorflow")
    return {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0].isupper()}


def _parsed(content: bytes) -> Any:
    return _flatbuffers().convert_bytearray_to_object(bytearray(content))


def _flatbuffers() -> Any:
    return needs("tensorflow.lite.tools.flatbuffer_utils", "tensorflow")
