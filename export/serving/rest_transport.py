"""The REST side of the client: TF Serving's `/v1/models/NAME:predict`, bytes as base64."""

import http.client
import json
import threading
from typing import Any
from urllib.parse import quote

import numpy as np

from refinezoo.export.serving.transport import ServingError
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


class RestTransport:
    """One kept-alive connection per thread to `host:port`."""

    def __init__(self, host: str, model: str, version: int | None, label: str | None, tls: bool):
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
        values = self._call("POST", f"{self._path}:predict", body, seconds)["outputs"]
        if len(outputs) == 1:  # a single output comes without its name
            values = dict.fromkeys(outputs, values)
        return {name: from_json(values[name], dtype) for name, dtype in outputs.items()}

    def states(self, seconds: float) -> dict[int, str]:
        """One status call."""
        rows = self._call("GET", self._base, None, seconds)["model_version_status"]
        return {int(row["version"]): row["state"] for row in rows}

    def close(self) -> None:
        """Closes the connections of all threads."""
        for connection in self._opened:
            connection.close()

    def _output_types(self, seconds: float) -> dict[str, dict[str, str]]:
        """JSON knows no types: the model's metadata do."""
        if self._outputs is None:
            reply = self._call("GET", f"{self._path}/metadata", None, seconds)
            signatures = reply["metadata"]["signature_def"]["signature_def"]
            self._outputs = {
                name: {key: _dtype(spec["dtype"]) for key, spec in definition["outputs"].items()}
                for name, definition in signatures.items()
            }
        return self._outputs

    def _call(self, verb: str, path: str, body: Any, seconds: float) -> Any:
        connection = self._connection()
        connection.timeout = seconds
        if connection.sock is not None:
            connection.sock.settimeout(seconds)
        content = None if body is None else json.dumps(body).encode()
        try:
            connection.request(verb, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            status, reply = response.status, response.read()
        except TimeoutError:
            connection.close()
            raise ServingError("DEADLINE_EXCEEDED", f"no reply in {seconds:.1f} s") from None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ServingError("UNAVAILABLE", f"{self._host}: {error}") from None
        try:
            parsed = json.loads(reply)
        except ValueError:
            raise ServingError("UNKNOWN", f"HTTP {status} without JSON from {self._host}") from None
        if status != 200:
            raise ServingError(_CODES.get(status, "UNKNOWN"), parsed.get("error", f"HTTP {status}"))
        return parsed

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect(self._host)
            self._opened.append(connection)
        return connection


def _dtype(name: str) -> str:
    """NumPy's name of a TensorFlow type: `DT_FLOAT` is float32."""
    return {"DT_FLOAT": "float32", "DT_DOUBLE": "float64"}.get(
        name, name.removeprefix("DT_").lower()
    )
