"""What a model is, in one hash: the same weights give the same hash on every backend."""

import hashlib
import json
from typing import Any

import numpy as np


def weights_sha256(model: Any) -> str:
    """SHA-256 over shape, dtype and bytes of a model's inference weights, in their order.

    Names are left out: Keras numbers them by what was built before. A refiner without weights
    (`refine` only) has the hash of nothing; an exported file says that of its model.
    """
    recorded = getattr(model, "weights_sha256", None)
    if isinstance(recorded, str):
        return recorded
    network = inference_network(model)
    digest = hashlib.sha256()
    for weight in getattr(network, "weights", ()):
        array = np.ascontiguousarray(weight.numpy() if hasattr(weight, "numpy") else weight)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def inference_network(model: Any) -> Any:
    """The network whose weights a preset ships, or the model itself where it has none."""
    network = getattr(model, "inference_network", None)
    return model if network is None else network


def model_name(model: Any) -> str:
    """The zoo or preset name a model carries, else its Keras name, else its class."""
    for attribute in ("preset_name", "name"):
        name = getattr(model, attribute, None)
        if isinstance(name, str) and name:
            return name
    return type(model).__name__


def model_settings(model: Any) -> dict[str, Any]:
    """What identifies a model in a manifest: name, class, weights hash, config (as JSON holds it).

    The config comes without its name: Keras numbers names by what was built before.
    """
    config = model.get_config() if hasattr(model, "get_config") else {}
    config = {key: value for key, value in config.items() if key != "name"}
    return {
        "name": model_name(model),
        "class": type(model).__name__,
        "weights_sha256": weights_sha256(model),
        "config": json.loads(json.dumps(config, default=str)),
    }
