"""TensorFlow's C API through ctypes; TensorFlow's Python is not imported."""

import ctypes
import importlib.util
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError

CODES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS "
    "PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED "
    "INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
).split()


class SessionError(RefinezooError):
    """An error of the C++ runtime: its `code` (3), `code_name` (INVALID_ARGUMENT), `message`."""

    def __init__(self, code: int, message: str):
        self.code, self.message = code, message
        self.code_name = CODES[code] if code < len(CODES) else str(code)
        super().__init__(f"{self.code_name}: {message}")


class Buffer(ctypes.Structure):
    """`TF_Buffer`."""

    _fields_ = [("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p)]


class Output(ctypes.Structure):
    """`TF_Output`."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


class Status:
    """A `TF_Status` that raises `SessionError` on leaving the block unless it is OK."""

    def __init__(self, lib: ctypes.CDLL):
        self._lib = lib

    def __enter__(self) -> int:
        self._status = self._lib.TF_NewStatus()
        return self._status

    def __exit__(self, kind: object, *_: object) -> None:
        code = self._lib.TF_GetCode(self._status)
        message = self._lib.TF_Message(self._status).decode(errors="replace")
        self._lib.TF_DeleteStatus(self._status)
        if code and kind is None:
            raise SessionError(code, message)


@cache
def library() -> ctypes.CDLL:
    """The library inside the TensorFlow wheel, its functions declared.

    Raises:
        RefinezooError: TensorFlow is not installed.
    """
    found = importlib.util.find_spec("tensorflow")
    if found is None or not found.submodule_search_locations:
        raise RefinezooError(
            "expected TensorFlow's C++ library, found no tensorflow package. "
            "Install it with: pip install tensorflow"
        )
    folder = Path(found.submodule_search_locations[0])
    # Never RTLD_GLOBAL: with these symbols public, importing numpy.random later crashes.
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"))
    lib = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"))
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


_P = c_void_p
_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "TF_NewStatus": (_P, []),
    "TF_DeleteStatus": (None, [_P]),
    "TF_GetCode": (c_int, [_P]),
    "TF_Message": (c_char_p, [_P]),
    "TF_NewGraph": (_P, []),
    "TF_DeleteGraph": (None, [_P]),
    "TF_NewBuffer": (POINTER(Buffer), []),
    "TF_DeleteBuffer": (None, [POINTER(Buffer)]),
    "TF_NewSessionOptions": (_P, []),
    "TF_DeleteSessionOptions": (None, [_P]),
    "TF_SetConfig": (None, [_P, c_char_p, c_size_t, _P]),
    "TF_LoadSessionFromSavedModel": (
        _P,
        [_P, _P, c_char_p, POINTER(c_char_p), c_int, _P, POINTER(Buffer), _P],
    ),
    "TF_CloseSession": (None, [_P, _P]),
    "TF_DeleteSession": (None, [_P, _P]),
    "TF_SessionRun": (
        None,
        [_P, _P, POINTER(Output), POINTER(_P), c_int, POINTER(Output), POINTER(_P), c_int]
        + [_P, c_int, _P, _P],
    ),
    "TF_GraphOperationByName": (_P, [_P, c_char_p]),
    "TF_AllocateTensor": (_P, [c_int, POINTER(c_int64), c_int, c_size_t]),
    "TF_DeleteTensor": (None, [_P]),
    "TF_TensorData": (_P, [_P]),
    "TF_TensorType": (c_int, [_P]),
    "TF_NumDims": (c_int, [_P]),
    "TF_Dim": (c_int64, [_P, c_int]),
    "TF_StringInit": (None, [_P]),
    "TF_StringCopy": (None, [_P, c_char_p, c_size_t]),
    "TF_StringGetSize": (c_size_t, [_P]),
    "TF_StringGetDataPointer": (_P, [_P]),
}
