"""Runs a SavedModel in TensorFlow's C++ session loader, the one TF Serving loads models with.

Several common ways to export a Keras 3 model load in Python and fail in that loader ("Could not
find variable"), so a model is called servable only after it ran here. The C API is called through
ctypes on the library inside the TensorFlow wheel; TensorFlow's Python is not imported.
"""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_char_p, c_int64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.export.runtimes.metagraph import DTYPES, Signature, TensorSpec, read_signatures
from refinezoo.export.runtimes.tensorflow_c import Output, Status, library

_STRING_BYTES = 24  # sizeof(TF_TString)
_STRING, _NUMBERS = 7, {name: number for number, name in DTYPES.items()}


class SavedModelSession:
    """A SavedModel loaded with `TF_LoadSessionFromSavedModel`.

    `run` may be called from several threads at once. Close it, or use it in a `with` block.

    Args:
        folder: the version folder, holding `saved_model.pb`.
        threads: CPU threads for one operation; None leaves TensorFlow's default.

    Raises:
        RefinezooError: no SavedModel in `folder`, or no TensorFlow library installed.
        SessionError: the loader refused the model.
    """

    def __init__(self, folder: str | os.PathLike, *, threads: int | None = None):
        self._session: int | None = None
        self._running, self._idle = 0, threading.Condition()
        self.folder = Path(folder)
        if not (self.folder / "saved_model.pb").is_file():
            raise RefinezooError(
                f"expected a SavedModel version folder with saved_model.pb, received "
                f"{str(folder)!r}. Name the version folder, such as servable/cyclegan/1."
            )
        self._lib = lib = library()
        self._graph = lib.TF_NewGraph()
        meta_graph = lib.TF_NewBuffer()
        options = lib.TF_NewSessionOptions()
        try:
            with Status(lib) as status:
                config = _session_config(threads)
                lib.TF_SetConfig(options, config, len(config), status)
            with Status(lib) as status:
                self._session = lib.TF_LoadSessionFromSavedModel(
                    options,
                    None,
                    os.fsencode(self.folder),
                    (c_char_p * 1)(b"serve"),
                    1,
                    self._graph,
                    meta_graph,
                    status,
                )
            buffer = meta_graph.contents
            self.signatures: dict[str, Signature] = read_signatures(
                ctypes.string_at(buffer.data, buffer.length)
            )
        finally:
            lib.TF_DeleteSessionOptions(options)
            lib.TF_DeleteBuffer(meta_graph)

    def run(self, signature: str = "serving_default", /, **inputs: Any) -> dict[str, np.ndarray]:
        """Runs one signature.

        Args:
            signature: its name.
            **inputs: one array per named input; strings as bytes or nested lists of bytes.

        Returns:
            The named outputs; string tensors as arrays of `object` holding bytes.

        Raises:
            RefinezooError: unknown signature or input names, or another dtype than declared.
            SessionError: the graph refused the request; carries the runtime's code and message.
        """
        with self._used() as session:
            return self._run(session, signature, inputs)

    def _run(self, session: int, signature: str, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
        spec = self._signature(signature, inputs)
        feeds: list[c_void_p] = []
        try:
            for name, tensor in spec.inputs.items():
                feeds.append(self._to_tensor(inputs[name], tensor, name))
            fetches = (c_void_p * len(spec.outputs))()
            lib = self._lib
            with Status(lib) as status:
                lib.TF_SessionRun(
                    session,
                    None,
                    self._outputs(spec.inputs),
                    (c_void_p * len(feeds))(*feeds),
                    len(feeds),
                    self._outputs(spec.outputs),
                    fetches,
                    len(fetches),
                    None,
                    0,
                    None,
                    status,
                )
        finally:
            for feed in feeds:
                self._lib.TF_DeleteTensor(feed)
        try:
            return {
                name: self._to_array(fetch)
                for name, fetch in zip(spec.outputs, fetches, strict=True)
            }
        finally:
            for fetch in fetches:
                self._lib.TF_DeleteTensor(fetch)

    def close(self) -> None:
        """Waits for running calls, frees the session and its weights; safe to call twice."""
        with self._idle:
            session, self._session = self._session, None
            self._idle.wait_for(lambda: not self._running)
        if session is not None:
            for function in (self._lib.TF_CloseSession, self._lib.TF_DeleteSession):
                with Status(self._lib) as status:
                    function(session, status)
            self._lib.TF_DeleteGraph(self._graph)

    def __enter__(self) -> "SavedModelSession":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    @contextmanager
    def _used(self) -> Iterator[int]:
        """Keeps `close` from freeing what a call of another thread computes with."""
        with self._idle:
            if self._session is None:
                raise RefinezooError("the session is closed. Open a new SavedModelSession.")
            session, self._running = self._session, self._running + 1
        try:
            yield session
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _signature(self, name: str, inputs: dict[str, Any]) -> Signature:
        if name not in self.signatures:
            raise RefinezooError(
                f"expected a signature of {sorted(self.signatures)}, received {name!r}."
                + did_you_mean(name, self.signatures)
            )
        spec = self.signatures[name]
        if set(inputs) != set(spec.inputs):
            raise RefinezooError(
                f"signature {name!r} expects the inputs {sorted(spec.inputs)}, "
                f"received {sorted(inputs)}."
            )
        return spec

    def _outputs(self, tensors: dict[str, TensorSpec]) -> ctypes.Array:
        outputs = (Output * len(tensors))()
        for slot, spec in zip(outputs, tensors.values(), strict=True):
            operation, _, index = spec.tensor.partition(":")
            slot.operation = self._lib.TF_GraphOperationByName(self._graph, operation.encode())
            slot.index = int(index or 0)
        return outputs

    def _to_tensor(self, value: Any, spec: TensorSpec, name: str) -> c_void_p:
        if spec.dtype == "string":
            return self._to_string_tensor(np.asarray(value, dtype=object), name)
        array = np.asarray(value, order="C")
        if array.dtype.name != spec.dtype:
            raise RefinezooError(f"input {name!r} is {spec.dtype}, received {array.dtype.name}.")
        tensor = self._allocate(_NUMBERS[spec.dtype], array.shape, array.nbytes)
        ctypes.memmove(self._lib.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
        return tensor

    def _to_string_tensor(self, array: np.ndarray, name: str) -> c_void_p:
        if not all(isinstance(item, bytes) for item in array.flat):
            raise RefinezooError(f"input {name!r} is a tensor of strings: pass bytes.")
        tensor = self._allocate(_STRING, array.shape, array.size * _STRING_BYTES)
        cell = self._lib.TF_TensorData(tensor)
        for item in array.flat:
            self._lib.TF_StringInit(cell)
            self._lib.TF_StringCopy(cell, item, len(item))
            cell += _STRING_BYTES
        return tensor

    def _allocate(self, dtype: int, shape: tuple[int, ...], size: int) -> c_void_p:
        dimensions = (c_int64 * len(shape))(*shape)
        return self._lib.TF_AllocateTensor(dtype, dimensions, len(shape), size)

    def _to_array(self, tensor: int) -> np.ndarray:
        lib = self._lib
        shape = tuple(lib.TF_Dim(tensor, axis) for axis in range(lib.TF_NumDims(tensor)))
        dtype, data = lib.TF_TensorType(tensor), lib.TF_TensorData(tensor)
        if dtype == _STRING:
            array = np.empty(shape, dtype=object)
            for index in range(array.size):
                cell = data + index * _STRING_BYTES
                size = lib.TF_StringGetSize(cell)
                array.flat[index] = ctypes.string_at(lib.TF_StringGetDataPointer(cell), size)
            return array
        array = np.empty(shape, dtype=DTYPES[dtype])
        ctypes.memmove(array.ctypes.data, data, array.nbytes)
        return array


def _session_config(threads: int | None) -> bytes:
    """A serialised ConfigProto: intra_op_parallelism_threads (2), inter_op (5)."""
    return b"" if threads is None else bytes([0x10, threads, 0x28, max(1, threads)])
