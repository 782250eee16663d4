"""The REST side of the client: TF Serving's `/v1/models/NAME:predict`, bytes as base64."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import numpy as np

from refinezoo.export.serving.transport import ServingError, reading
from refinezoo.export.serving.wire import from_json, to_json

# How TF Serving's http_server.cc turns codes into HTTP; 400 stands for three of them.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class _TooLarge(Exception):
    """A reply beyond the limit of bytes."""


class RestTransport:
    """One kept-alive connection per thread to `host:port`."""

    def __init__(
        self,
        host: str,
        model: str,
        version: int | None,
        label: str | None,
        tls: bool,
        max_message_bytes: int,
    ):
        self._most = max_message_bytes
        self._connect = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        self._host = host
        self._base = f"/v1/models/{quote(model, safe='')}"
        self._path = self._base
        if version is not None:
            self._path += f"/versions/{version}"
        elif label is not None:
            self._path += f"/labels/{quote(label, safe='')}"
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []
        self._outputs: dict[str, dict[str, str]] | None = None

    def predict(
        self, signature: str, inputs: dict[str, np.ndarray], seconds: float
    ) -> dict[str, np.ndarray]:
        """One predict call, in the columnar format."""
        outputs = self._output_types(seconds).get(signature, {})
        body = {
            "signature_name": signature,
            "inputs": {name: to_json(array) for name, array in inputs.items()},
        }
        reply = self._call("POST", f"{self._path}:predict", body, seconds)
        with reading("the outputs of a signature"):
            values = reply["outputs"]
            if len(outputs) == 1:  # a single output comes without its name
                values = dict.fromkeys(outputs, values)
            return {name: from_json(values[name], dtype) for name, dtype in outputs.items()}

    def states(self, seconds: float) -> dict[int, str]:
        """One status call."""
        reply = self._call("GET", self._base, None, seconds)
        with reading("the versions of a model"):
            return {int(row["version"]): row["state"] for row in reply["model_version_status"]}

    def close(self) -> None:
        """Closes the connections of all threads."""
        for connection in self._opened:
            connection.close()

    def _output_types(self, seconds: float) -> dict[str, dict[str, str]]:
        """JSON knows no types: the model's metadata do."""
        if self._outputs is None:
            reply = self._call("GET", f"{self._path}/metadata", None, seconds)
            with reading("the metadata of a model"):
                signatures = reply["metadata"]["signature_def"]["signature_def"]
                self._outputs = {
                    name: {key: _dtype(row["dtype"]) for key, row in definition["outputs"].items()}
                    for name, definition in signatures.items()
                }
        return self._outputs

    def _call(self, verb: str, path: str, body: Any, seconds: float) -> Any:
        end = time.monotonic() + seconds
        connection = self._connection()
        connection.timeout = seconds
        if connection.sock is not None:
            connection.sock.settimeout(seconds)
        content = None if body is None else json.dumps(body).encode()
        try:
            connection.request(verb, path, content, {"Content-Type": "application/json"})
            with _cut_off(connection.sock, end):
                response = connection.getresponse()
                status, reply = response.status, self._body(response)
            if time.monotonic() > end:
                raise TimeoutError
        except _TooLarge:
            connection.close()
            raise ServingError(
                "RESOURCE_EXHAUSTED", f"a reply of more than {self._most} bytes"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if isinstance(error, TimeoutError) or time.monotonic() > end:
                late = (
                    f"no whole reply in {seconds:.1f} s. Where the server is only slow, give it "
                    "longer (--timeout, timeout= in Python); finished replies of a folder are kept"
                )
                raise ServingError("DEADLINE_EXCEEDED", late) from None
            raise ServingError("UNAVAILABLE", f"{self._host}: {error}") from None
        try:
            parsed = json.loads(reply)
        except (ValueError, RecursionError):
            parsed = None
        if status != 200:
            said = parsed.get("error") if isinstance(parsed, dict) else None
            raise ServingError(_CODES.get(status, "UNKNOWN"), str(said or f"HTTP {status}"))
        if not isinstance(parsed, dict):
            raise ServingError("DATA_LOSS", f"expected a JSON object of {self._host}, not received")
        return parsed

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        """In pieces: what a server says of its length is not believed."""
        body = bytearray()
        while piece := response.read1(1 << 16):
            body += piece
            if len(body) > self._most:
                raise _TooLarge
        return bytes(body)

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect(self._host)
            self._opened.append(connection)
        return connection


@contextmanager
def _cut_off(connection: socket.socket, end: float) -> Iterator[None]:
    """Ends a connection at a time: each byte that comes would start the socket's own limit anew."""

    def cut() -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(end - time.monotonic(), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _dtype(name: str) -> str:
    """NumPy's name of a TensorFlow type: `DT_FLOAT` is float32."""
    plain = name.removeprefix("DT_").lower()
    plain = {"float": "float32", "double": "float64"}.get(plain, plain)
    return plain if plain == "string" else np.dtype(plain).name
