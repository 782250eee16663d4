"""The gRPC side of the client: PredictionService and ModelService of tensorflow-serving-api."""

from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.serving.transport import ServingError, reading
from refinezoo.export.serving.wire import predict_request, tensor_array

# Where the name of the server stands for several addresses, all of them are used.
_ROUND_ROBIN = '{"loadBalancingConfig": [{"round_robin": {}}]}'


class GrpcTransport:
    """One channel to `host:port`; `tls` with the system's certificates."""

    def __init__(
        self,
        host: str,
        model: str,
        version: int | None,
        label: str | None,
        tls: bool,
        max_message_bytes: int,
    ):
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError:
            raise RefinezooError(
                "expected tensorflow-serving-api to speak gRPC with. Install it with: "
                "pip install 'refinezoo[serving]', or give the server's http:// address."
            ) from None
        options = [
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.enable_retries", 0),  # the client counts its tries itself
            ("grpc.service_config", _ROUND_ROBIN),
        ]
        self._model, self._version, self._label = model, version, label
        self._channel = (
            grpc.secure_channel(host, grpc.ssl_channel_credentials(), options)
            if tls
            else grpc.insecure_channel(host, options)
        )
        self._failure = grpc.RpcError
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self._channel).Predict
        self._status = model_service_pb2_grpc.ModelServiceStub(self._channel).GetModelStatus

    def predict(
        self, signature: str, inputs: dict[str, np.ndarray], seconds: float
    ) -> dict[str, np.ndarray]:
        """One Predict call."""
        request = predict_request(self._model, signature, inputs, self._version, self._label)
        reply = self._call(self._predict, request, seconds)
        with reading("the outputs of a signature"):
            return {name: tensor_array(tensor) for name, tensor in reply.outputs.items()}

    def states(self, seconds: float) -> dict[int, str]:
        """One GetModelStatus call."""
        from tensorflow_serving.apis.get_model_status_pb2 import (
            GetModelStatusRequest,
            ModelVersionStatus,
        )

        request = GetModelStatusRequest()
        request.model_spec.name = self._model
        reply = self._call(self._status, request, seconds)
        name = ModelVersionStatus.State.Name
        with reading("the versions of a model"):
            return {row.version: name(row.state) for row in reply.model_version_status}

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def _call(self, method: Any, request: Any, seconds: float) -> Any:
        try:
            return method(request, timeout=seconds)
        except self._failure as error:
            raise ServingError(error.code().name, error.details() or "no message") from None
