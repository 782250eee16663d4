"""The gRPC front of the test server, and its life cycle. For tests, on this machine only."""

import os
import threading
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from refinezoo.export.serving.testing.metadata import signature_map
from refinezoo.export.serving.testing.models import INVALID_ARGUMENT, Models, Refusal
from refinezoo.export.serving.testing.rest import LOOPBACK, MAX_MESSAGE_BYTES, RestServer
from refinezoo.export.serving.wire import tensor_array

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class ProtocolTestServer:
    """Serves a folder of models on `grpc_address` and `rest_address`, until closed.

    It is for tests: it listens on the loopback address alone, answers `connections` at a time and
    cuts off requests that take longer than `seconds` to arrive.

    Args:
        models: folder of `NAME/VERSION/saved_model.pb`.
        config: a `models.config`; without one the newest version of each model is served.
        port: of gRPC; 0 takes a free one.
        rest_port: of REST; 0 takes a free one.
        workers: requests handled at a time over gRPC; others wait.
        threads: CPU threads of each model.
        connections: open REST connections, and gRPC calls under way; others are refused
            (UNAVAILABLE, RESOURCE_EXHAUSTED).
        seconds: for a request to arrive over REST, and for a connection to wait for the next.
    """

    def __init__(
        self,
        models: str | os.PathLike,
        *,
        config: str | os.PathLike | None = None,
        port: int = 0,
        rest_port: int = 0,
        workers: int = 16,
        threads: int | None = 1,
        connections: int = 64,
        seconds: float = 30.0,
    ):
        self.models = Models(Path(models), None if config is None else Path(config), threads)
        limits = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ]
        self._grpc = grpc.server(
            futures.ThreadPoolExecutor(workers), options=limits, maximum_concurrent_rpcs=connections
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Prediction(self.models), self._grpc
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(self.models), self._grpc)
        port = self._grpc.add_insecure_port(f"{LOOPBACK}:{port}")
        self._rest = RestServer(self.models, rest_port, connections, seconds)
        self.grpc_address = f"grpc://{LOOPBACK}:{port}"
        self.rest_address = f"http://{LOOPBACK}:{self._rest.server_address[1]}"
        self._grpc.start()
        self._thread = threading.Thread(target=self._rest.serve_forever, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Returns when the server was closed, or on an interrupt."""
        self._grpc.wait_for_termination()

    def close(self) -> None:
        """Stops listening, lets running requests end, frees the models."""
        self._grpc.stop(grace=5).wait()
        self._rest.shutdown()
        self._rest.server_close()
        self._thread.join()
        self.models.close()

    def __enter__(self) -> "ProtocolTestServer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the base answers UNIMPLEMENTED to the others."""

    def __init__(self, models: Models):
        self._models = models

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Runs a signature on the version that the request names."""
        with _Answer(context):
            name, signature = request.model_spec.name, request.model_spec.signature_name
            version, session = _find(self._models, request.model_spec)
            inputs = {key: _array(tensor) for key, tensor in request.inputs.items()}
            outputs = self._models.run(session, signature, inputs)
            reply = predict_pb2.PredictResponse()
            for key, array in outputs.items():
                reply.outputs[key].CopyFrom(tf.make_tensor_proto(array))
            reply.model_spec.name = name
            reply.model_spec.signature_name = signature or "serving_default"
            reply.model_spec.version.value = version
            return reply

    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The signatures of a version."""
        with _Answer(context):
            if list(request.metadata_field) != ["signature_def"]:
                raise Refusal(INVALID_ARGUMENT, "Metadata field must be signature_def")
            version, session = _find(self._models, request.model_spec)
            reply = get_model_metadata_pb2.GetModelMetadataResponse()
            reply.model_spec.name = request.model_spec.name
            reply.model_spec.version.value = version
            reply.metadata["signature_def"].Pack(signature_map(session.signatures))
            return reply


class _Model(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus; the base answers UNIMPLEMENTED to HandleReloadConfigRequest."""

    def __init__(self, models: Models):
        self._models = models

    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The versions of a model, all of them loaded."""
        with _Answer(context):
            name = request.model_spec.name
            if name not in self._models.sessions:
                _find(self._models, request.model_spec)
            reply = get_model_status_pb2.GetModelStatusResponse()
            for version in sorted(self._models.sessions[name], reverse=True):
                row = reply.model_version_status.add(version=version)
                row.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
            return reply


class _Answer:
    """Turns a `Refusal` inside the block into the status of the call."""

    def __init__(self, context: Any):
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Refusal):
            self._context.abort(_CODES[error.code], error.message)


def _array(tensor: Any) -> np.ndarray:
    try:
        return tensor_array(tensor)
    except (TypeError, ValueError) as error:
        raise Refusal(INVALID_ARGUMENT, f"Tensor proto does not parse: {error}") from None


def _find(models: Models, spec: Any) -> Any:
    version = spec.version.value if spec.HasField("version") else None
    return models.find(spec.name, version, spec.version_label)
