"""What every exported file says of its model."""

import json
from typing import Any

from refinezoo.export.signatures.kind import kind_of
from refinezoo.refinement.fingerprint import model_name, weights_sha256


def model_info(model: Any, name: str, version: int) -> dict[str, Any]:
    """What the `model_info` signature says: identity of the model, and how to read its outputs."""
    import refinezoo

    return {
        "name": name,
        "version": version,
        "kind": kind_of(model),
        "model": model_name(model),
        "class": type(model).__name__,
        "weights_sha256": weights_sha256(model),
        "class_names": list(getattr(model, "class_names", ())),
        "refinezoo": refinezoo.__version__,
    }


def info_signature(info: dict[str, Any]) -> Any:
    """`model_info`: `request`, string `[N]` of any content, to the same JSON string N times.

    The input is there because TF Serving's REST interface refuses signatures without one.
    """
    import tensorflow as tf

    text = json.dumps(info, ensure_ascii=False)

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="request")]
    )
    def model_info(request):
        return {"model_info": tf.ensure_shape(tf.fill(tf.shape(request), text), [None])}

    return model_info
