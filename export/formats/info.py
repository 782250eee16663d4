"""What every exported file says of its model."""

import json
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.models.kind import Kind
from refinezoo.refinement.fingerprint import model_name, weights_sha256


def checked_kind(model: Any) -> Kind:
    """A model's kind.

    Raises:
        RefinezooError: not a model of refinezoo, or one that no format can hold.
    """
    kind = getattr(model, "kind", None)
    if not isinstance(kind, Kind):
        raise RefinezooError(
            "expected a model of refinezoo (a refiner or one of refinezoo.tasks, with a kind), "
            f"received {type(model).__name__}."
        )
    if kind.not_exported:
        raise RefinezooError(
            f"expected a model of images alone, received {kind.not_exported}. Refine renders "
            "with the Keras model: refinezoo refine, or model.refine(images, foreground_mask=...)."
        )
    return kind


def model_info(model: Any, name: str, version: int) -> dict[str, Any]:
    """What the `model_info` signature says: identity of the model, and how to read its outputs."""
    import refinezoo

    kind = checked_kind(model)
    return {
        "name": name,
        "version": version,
        "kind": kind.name,
        "model": model_name(model),
        "class": type(model).__name__,
        "weights_sha256": weights_sha256(model),
        "class_names": list(getattr(model, "class_names", ())),
        "refinezoo": refinezoo.__version__,
        **{each: getattr(model, each) for each in kind.told},
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
