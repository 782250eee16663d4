"""Reads the signatures out of a serialised `MetaGraphDef`, without TensorFlow's Python.

Only the protobuf wire format is needed: field numbers are those of tensorflow's
`meta_graph.proto` and `tensor_shape.proto`, which are frozen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    9: "int64",
    10: "bool",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}

_SIGNATURE_DEF = 5  # MetaGraphDef.signature_def
_INPUTS, _OUTPUTS = 1, 2  # SignatureDef
_NAME, _DTYPE, _SHAPE = 1, 2, 3  # TensorInfo
_DIM, _UNKNOWN_RANK = 2, 3  # TensorShapeProto


@dataclass(frozen=True)
class TensorSpec:
    """One named input or output: graph tensor name, dtype, shape (-1 = any, None = any rank)."""

    tensor: str
    dtype: str
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Signature:
    """The named inputs and outputs of one entry point of a SavedModel."""

    name: str
    inputs: dict[str, TensorSpec] = field(default_factory=dict)
    outputs: dict[str, TensorSpec] = field(default_factory=dict)


def read_signatures(meta_graph: bytes) -> dict[str, Signature]:
    """The signatures of a serialised `MetaGraphDef`, by name."""
    signatures = {}
    for number, entry in _fields(meta_graph):
        if number == _SIGNATURE_DEF:
            name, body = _map_entry(entry)
            if not name.startswith("__"):  # the initialiser is no entry point
                inputs, outputs = _tensors(body, _INPUTS), _tensors(body, _OUTPUTS)
                signatures[name] = Signature(name, inputs, outputs)
    return signatures


def _tensors(signature: bytes, side: int) -> dict[str, TensorSpec]:
    entries = (_map_entry(value) for number, value in _fields(signature) if number == side)
    return {name: _tensor_spec(body) for name, body in sorted(entries)}


def _tensor_spec(message: bytes) -> TensorSpec:
    values = dict(_fields(message))
    shape: tuple[int, ...] | None = ()
    for number, value in _fields(values.get(_SHAPE, b"")):
        if number == _UNKNOWN_RANK and value:
            shape = None
        elif number == _DIM and shape is not None:
            size = dict(_fields(value)).get(1, 0)
            shape += (size - (1 << 64) if size >> 63 else size,)
    code = values.get(_DTYPE, 0)
    return TensorSpec(values[_NAME].decode(), DTYPES.get(code, f"dtype {code}"), shape)


def _map_entry(message: bytes) -> tuple[str, bytes]:
    values = dict(_fields(message))
    return values.get(1, b"").decode(), values.get(2, b"")


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and values: int for varints, bytes for everything else."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"not a MetaGraphDef: wire type {wire} at byte {at}")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
