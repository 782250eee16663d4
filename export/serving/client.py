"""A client for models that TF Serving serves, over gRPC or REST."""

import json
import random
import re
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.serving.png import decode_png, encode_png
from refinezoo.export.serving.transport import ServingError, Transport, reading
from refinezoo.export.serving.wire import as_array

MAX_MESSAGE_BYTES = 256 << 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds between tries


class ServingClient:
    """Calls one model. Threads may share a client; close it, or use it in a `with` block.

    Args:
        address: `"grpc://host:8500"`, `"grpcs://..."` (TLS), `"http://host:8501"` or
            `"https://..."`. gRPC sends bytes as they are; REST a third more, as base64.
        model: the model's name on the server.
        version: the version to call; the server's choice by default.
        label: the version's label instead.
        timeout: seconds for one call, its retries included.
        retries: further tries while the server cannot be reached (UNAVAILABLE), with growing
            pauses. Nothing else is tried again.
        max_message_bytes: the largest reply, and over gRPC the largest request (its own limit,
            4 MiB, is less than one large image).

    Raises:
        RefinezooError: an address of another form, both version and label, or no
            tensorflow-serving-api for gRPC.
    """

    def __init__(
        self,
        address: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ):
        scheme, host = _parsed(address)
        if version is not None and label is not None:
            raise RefinezooError(f"expected a version or a label, received {version} and {label}.")
        self.model, self.timeout, self.retries = model, timeout, retries
        self._transport: Transport
        if scheme.startswith("grpc"):
            from refinezoo.export.serving.grpc_transport import GrpcTransport

            self._transport = GrpcTransport(
                host, model, version, label, scheme == "grpcs", max_message_bytes
            )
        else:
            from refinezoo.export.serving.rest_transport import RestTransport

            self._transport = RestTransport(
                host, model, version, label, scheme == "https", max_message_bytes
            )

    def predict(
        self, signature: str = "serving_default", /, **inputs: Any
    ) -> dict[str, np.ndarray]:
        """Calls one signature.

        Args:
            signature: its name.
            **inputs: an array per named input; strings as lists of bytes.

        Returns:
            The named outputs; strings as arrays of `object` holding bytes.

        Raises:
            ServingError: the server refused the request, could not be reached in time, or
                answered what is no reply (DATA_LOSS).
        """
        arrays = {name: as_array(value) for name, value in inputs.items()}
        return self._tried(lambda seconds: self._transport.predict(signature, arrays, seconds))

    def refine(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Refines images of any sizes in one request; both ways as PNG, without loss.

        Args:
            images: uint8 `[H, W, 3]` each, RGB.

        Returns:
            One refined image for each, of its size.
        """
        reply = self.predict(image_bytes=[encode_png(image) for image in images])
        with reading("a refined image for each one sent"):
            pairs = zip(reply["image_bytes"], images, strict=True)
            return [decode_png(content, image.shape[:2]) for content, image in pairs]

    def info(self) -> dict[str, Any]:
        """The model's name, version, kind, weights hash and class names."""
        reply = self.predict("model_info", request=[b""])
        with reading("a JSON object as model_info"):
            return dict(json.loads(reply["model_info"][0]))

    def states(self) -> dict[int, str]:
        """The state of each version the server knows, such as `{1: "AVAILABLE"}`."""
        return self._tried(self._transport.states)

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Returns once a version is available.

        Raises:
            ServingError: none was, after `seconds`.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                left = max(end - time.monotonic(), 0.1)
                if "AVAILABLE" in self._transport.states(min(self.timeout, 5.0, left)).values():
                    return
                error = ServingError("UNAVAILABLE", f"{self.model} is not loaded yet")
            except ServingError as refused:
                error = refused
            if time.monotonic() > end:
                raise error
            time.sleep(0.2)

    def close(self) -> None:
        """Closes the connections; safe to call twice."""
        self._transport.close()

    def __enter__(self) -> "ServingClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _tried(self, call: Any) -> Any:
        end = time.monotonic() + self.timeout
        for turn in range(self.retries + 1):
            try:
                return call(max(end - time.monotonic(), 0.001))
            except ServingError as error:
                pause = min(_FIRST_PAUSE * 2**turn, _LONGEST_PAUSE) * random.uniform(0.5, 1.0)
                late = time.monotonic() + pause >= end
                if error.code_name != "UNAVAILABLE" or turn == self.retries or late:
                    raise
            time.sleep(pause)


def _parsed(address: str) -> tuple[str, str]:
    """Scheme and `host:port`. A password in an address is not repeated in any message."""
    try:
        parts = urlsplit(address)
        fits = parts.scheme in ("grpc", "grpcs", "http", "https") and bool(parts.hostname)
        fits = fits and (parts.port or 0) >= 0
    except ValueError:  # no port, or a broken IPv6 address
        fits = False
    if "@" in address or not fits:
        shown = re.sub(r".*@", "***@", address)
        raise RefinezooError(
            "expected an address such as grpc://localhost:8500 or http://localhost:8501, without "
            f"user and password, received {shown!r}."
        )
    return parts.scheme, parts.netloc
