"""The REST front of the test server: status, metadata and predict of TF Serving's version 1."""

import io
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import numpy as np
from google.protobuf import json_format

from refinezoo.errors import RefinezooError
from refinezoo.export.runtimes.metagraph import Signature
from refinezoo.export.serving.testing.metadata import signature_map
from refinezoo.export.serving.testing.models import INVALID_ARGUMENT, Models, Refusal
from refinezoo.export.serving.wire import from_json, to_json

LOOPBACK = "127.0.0.1"
MAX_MESSAGE_BYTES = 256 << 20
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_PLACE = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
_PREDICT = re.compile(_PLACE + r":predict")
_STATUS = re.compile(_PLACE + r"(/metadata)?")
_HTTP = {3: 400, 5: 404, 8: 429, 9: 400, 11: 400, 12: 501, 14: 503}  # others: 500


class RestServer(ThreadingHTTPServer):
    """Listens on the loopback address, with a bounded number of connections.

    Args:
        models: what it answers for.
        port: 0 takes a free one.
        connections: open at a time; further ones get HTTP 503.
        seconds: for one request to arrive, and for a connection to wait for the next.
    """

    def __init__(self, models: Models, port: int, connections: int, seconds: float):
        self.models, self.seconds = models, seconds
        self._slots = threading.BoundedSemaphore(connections)
        super().__init__((LOOPBACK, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts a thread for a connection, if there is room."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.sendall(_FULL)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves a connection and frees its place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or sends too slowly, is no error of the server."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Arriving(io.RawIOBase):
    """The bytes of a connection, until a point in time; sending byte after byte does not help."""

    def __init__(self, connection: socket.socket):
        self.connection, self.end = connection, 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.connection.settimeout(max(self.end - time.monotonic(), 0.001))
        return self.connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RestServer

    def setup(self) -> None:
        super().setup()
        self._arriving = _Arriving(self.connection)
        self.rfile = io.BufferedReader(self._arriving)

    def handle_one_request(self) -> None:
        self._arriving.end = time.monotonic() + self.server.seconds
        super().handle_one_request()

    def do_GET(self) -> None:  # noqa: N802
        self._answer(lambda: _status(self.server.models, self.path))

    def do_POST(self) -> None:  # noqa: N802
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_MESSAGE_BYTES:
            self.close_connection = True
            limit = f"expected a body of at most {MAX_MESSAGE_BYTES} bytes, and its length"
            return self._reply(413, {"error": limit})
        body = self.rfile.read(int(length))
        self._answer(lambda: _predict(self.server.models, self.path, body))

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, content: Callable[[], dict[str, Any]]) -> None:
        try:
            status, reply = 200, content()
        except Refusal as refusal:
            status, reply = _HTTP.get(refusal.code, 500), {"error": refusal.message}
        except Exception as error:  # the server outlives what it did not foresee
            status, reply = 500, {"error": f"{type(error).__name__}: {error}"}
        self._reply(status, reply)

    def _reply(self, status: int, content: dict[str, Any]) -> None:
        encoded = json.dumps(content).encode()
        self.connection.settimeout(self.server.seconds)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)


def _status(models: Models, path: str) -> dict[str, Any]:
    name, version, label, metadata = _parse(_STATUS, "GET", path)
    found, session = models.find(name, version, label)
    if metadata:
        signatures = json_format.MessageToDict(
            signature_map(session.signatures), preserving_proto_field_name=True
        )
        spec = {"name": name, "signature_name": "", "version": str(found)}
        return {"model_spec": spec, "metadata": {"signature_def": signatures}}
    versions = sorted(models.sessions[name], reverse=True)
    shown = [found] if version is not None or label else versions
    healthy = {"error_code": "OK", "error_message": ""}
    rows = [{"version": str(v), "state": "AVAILABLE", "status": healthy} for v in shown]
    return {"model_version_status": rows}


def _predict(models: Models, path: str, body: bytes) -> dict[str, Any]:
    name, version, label = _parse(_PREDICT, "POST", path)
    _, session = models.find(name, version, label)
    try:
        request = json.loads(body)
    except ValueError as error:
        raise Refusal(INVALID_ARGUMENT, f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise Refusal(INVALID_ARGUMENT, "JSON Value: Is not object")
    signature = request.get("signature_name", "serving_default")
    if not isinstance(signature, str) or signature not in session.signatures:
        raise Refusal(
            INVALID_ARGUMENT, f'Serving signature name: "{signature}" not found in signature def'
        )
    spec = session.signatures[signature]
    if not spec.inputs:
        raise Refusal(INVALID_ARGUMENT, f"Failed to get input map for signature: {signature}")
    by_row = "instances" in request
    if by_row == ("inputs" in request):
        raise Refusal(INVALID_ARGUMENT, "expecting one of 'inputs' or 'instances'")
    values = _rows(spec, request["instances"]) if by_row else _columns(spec, request["inputs"])
    try:
        inputs = {key: from_json(values[key], spec.inputs[key].dtype) for key in spec.inputs}
    except RefinezooError as error:
        raise Refusal(INVALID_ARGUMENT, str(error)) from None
    outputs = models.run(session, signature, inputs)
    coded = {key: _coded(key, array) for key, array in outputs.items()}
    only = next(iter(coded.values())) if len(coded) == 1 else None
    if not by_row:
        return {"outputs": coded if only is None else only}
    if only is not None:
        return {"predictions": only}
    rows = zip(*coded.values(), strict=True)
    return {"predictions": [dict(zip(coded, row, strict=True)) for row in rows]}


def _columns(spec: Signature, values: Any) -> dict[str, Any]:
    if not isinstance(values, dict) or list(values) == ["b64"]:
        return {_only_input(spec): values}
    missing = set(spec.inputs) - set(values)
    if missing:
        raise Refusal(INVALID_ARGUMENT, f"Missing named input: {sorted(missing)}")
    return values


def _rows(spec: Signature, rows: Any) -> dict[str, Any]:
    if not isinstance(rows, list) or not rows:
        raise Refusal(INVALID_ARGUMENT, "Expecting 'instances' to be a list with values")
    named = [isinstance(row, dict) and list(row) != ["b64"] for row in rows]
    if not any(named):
        return {_only_input(spec): rows}
    if not all(named) or any(set(row) != set(spec.inputs) for row in rows):
        raise Refusal(INVALID_ARGUMENT, f"keys must be equal to: {sorted(spec.inputs)}")
    return {key: [row[key] for row in rows] for key in spec.inputs}


def _only_input(spec: Signature) -> str:
    if len(spec.inputs) > 1:
        raise Refusal(INVALID_ARGUMENT, "expecting an object: several inputs are required")
    return next(iter(spec.inputs))


def _coded(name: str, array: np.ndarray) -> Any:
    """Strings are base64 where the output's name ends with `_bytes`, else plain text."""
    if array.dtype == object and not name.endswith("_bytes"):
        texts = np.empty(array.shape, object)
        for place, item in enumerate(array.flat):
            texts.flat[place] = item.decode("utf-8", "replace")
        return texts.tolist()
    return to_json(array)


def _parse(pattern: re.Pattern, verb: str, path: str) -> tuple[Any, ...]:
    match = pattern.fullmatch(path)
    if not match:
        raise Refusal(INVALID_ARGUMENT, f"Malformed request: {verb} {path}")
    name, version, label, *rest = match.groups()
    return (unquote(name), None if version is None else int(version), label, *rest)
