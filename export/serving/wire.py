"""Requests and replies of TF Serving as arrays: `TensorProto` for gRPC, JSON for REST."""

import base64
import binascii
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from refinezoo.errors import RefinezooError

if TYPE_CHECKING:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest


def predict_request(
    model: str,
    signature: str,
    inputs: Mapping[str, Any],
    version: int | None = None,
    label: str | None = None,
) -> "PredictRequest":
    """A `PredictRequest`; strings are given as lists of bytes."""
    import tensorflow as tf
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    if label is not None:
        request.model_spec.version_label = label
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(as_array(value)))
    return request


def tensor_array(tensor: Any) -> np.ndarray:
    """The array of a `TensorProto`, which may not be larger than what it holds.

    TensorFlow repeats the last value of a short one: 20 bytes may ask for terabytes.

    Raises:
        ValueError: it is, or is no tensor.
    """
    import tensorflow as tf

    count = math.prod(dimension.size for dimension in tensor.tensor_shape.dim)
    if not 0 <= count <= tensor.ByteSize():
        raise ValueError(f"a tensor of {count} values in {tensor.ByteSize()} bytes")
    return tf.make_ndarray(tensor)


def as_array(value: Any) -> np.ndarray:
    """An array; bytes become `object`, so that trailing zero bytes are kept."""
    array = np.asarray(value)
    return np.asarray(value, dtype=object) if array.dtype.kind in "SO" else array


def to_json(array: np.ndarray) -> Any:
    """Nested lists, with bytes as `{"b64": ...}`."""
    if array.dtype != object:
        return array.tolist()
    coded = np.empty(array.shape, object)
    for place, item in enumerate(array.flat):
        coded.flat[place] = {"b64": base64.b64encode(item).decode()}
    return coded.tolist()


def from_json(value: Any, dtype: str) -> np.ndarray:
    """The array of nested lists; of `dtype` "string": bytes, from `{"b64": ...}` or from text.

    Raises:
        RefinezooError: rubbish in base64, ragged lists, or values that are not of `dtype`.
    """
    if dtype == "string":
        array = np.asarray(value, dtype=object)
        for place, item in enumerate(array.flat):
            array.flat[place] = _bytes(item)
        return array
    try:
        array = np.asarray(value)
    except ValueError:
        raise RefinezooError(f"expected even lists of {dtype}, received ragged ones.") from None
    wanted = "iuf" if dtype.startswith("float") else "iu"
    if array.size and array.dtype.kind not in wanted:
        raise RefinezooError(f"expected numbers of {dtype}, received other JSON values.")
    if array.size and not dtype.startswith("float"):
        limits = np.iinfo(dtype)
        if array.min() < limits.min or array.max() > limits.max:
            raise RefinezooError(
                f"expected {dtype} of {limits.min} to {limits.max}, received "
                f"{array.min()} to {array.max()}."
            )
    return array.astype(dtype)


def _bytes(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if not isinstance(item, dict) or list(item) != ["b64"] or not isinstance(item["b64"], str):
        raise RefinezooError('expected text, or {"b64": text}, for a string.')
    try:
        return base64.b64decode(item["b64"], validate=True)
    except binascii.Error as error:
        raise RefinezooError(f"expected base64, received something else: {error}.") from None
