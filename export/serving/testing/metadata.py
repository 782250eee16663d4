"""The metadata of a model, as TF Serving words it."""

from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2

from refinezoo.export.runtimes.metagraph import Signature


def signature_map(signatures: dict[str, Signature]) -> Any:
    """The `SignatureDefMap` that GetModelMetadata answers with."""
    result = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in signatures.items():
        definition = result.signature_def[name]
        definition.method_name = "tensorflow/serving/predict"
        sides = ((definition.inputs, signature.inputs), (definition.outputs, signature.outputs))
        for message, specs in sides:
            for key, spec in specs.items():
                message[key].name = spec.tensor
                message[key].dtype = tf.as_dtype(spec.dtype).as_datatype_enum
                message[key].tensor_shape.CopyFrom(tf.TensorShape(_shape(spec.shape)).as_proto())
    return result


def _shape(shape: tuple[int, ...] | None) -> list[int | None] | None:
    return None if shape is None else [None if size < 0 else size for size in shape]
