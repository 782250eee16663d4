"""How large a model may be that a file describes: looked at before, and while, it is built."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from refinezoo.errors import RefinezooError

MAX_WEIGHTS = 200_000_000  # values; PVANET, the largest network here, has 96 million
MAX_ARRAYS = 2_000  # DeepLab-v2 on ResNet-101 has 528
MAX_VALUES = 20_000  # of a config, as in the names of many classes
MAX_NUMBERS = 20  # of a list, as in anchors
MAX_TEXT = 1_000  # characters
MAX_BATCH = 65_536  # images of a training step, and of a sample grid

# What costs time or memory without weights of its own.
LARGEST = {
    "image_size": 2048,
    "channels": 64,
    "blocks": 64,
    "depth_multiplier": 4,
    "depth": 4,  # its old name
    "downsamplings": 6,
    "discriminator_layers": 8,
    "sectors": 4096,
    "noise_dimensions": 4096,
    **dict.fromkeys(
        ["top_k", "keep", "candidates", "proposals", "rpn_batch", "roi_batch"]
        + ["max_objects", "max_boxes", "photos", "colour_photos", "pool_size"],
        100_000,
    ),
}

_building = threading.RLock()


def check_sizes(config: dict[str, Any], where: str) -> None:
    """Compares the arguments of a model's constructor with the limits above.

    Raises:
        RefinezooError: one is larger, with its name.
    """
    waiting, count = [("", config)], 0
    while waiting:
        key, value = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting += [(str(name), inner) for name, inner in value.items()]
        elif isinstance(value, (list, tuple)):
            numbers = sum(isinstance(part, (int, float)) for part in value)
            _check(where, f"numbers in {key}", numbers, MAX_NUMBERS)
            waiting += [(key, inner) for inner in value]
        elif isinstance(value, str):
            _check(where, f"characters in {key}", len(value), MAX_TEXT)
        elif isinstance(value, (int, float)):
            _check(where, key, value, LARGEST.get(key, math.inf))
        _check(where, "values", count + len(waiting), MAX_VALUES)


@contextmanager
def within_limits(where: str) -> Iterator[None]:
    """Ends the building of a model that grows beyond `MAX_WEIGHTS` or `MAX_ARRAYS`.

    Looks at each weight before it is made, by standing in for Keras' `add_weight` meanwhile.

    Raises:
        RefinezooError: the model is larger.
    """
    import keras

    with _building:
        plain, weights, arrays = keras.layers.Layer.add_weight, 0, 0

        def add_weight(layer: Any, shape: Any = None, *args: Any, **options: Any) -> Any:
            nonlocal weights, arrays
            weights += math.prod(shape if isinstance(shape, (list, tuple)) else [shape or 1])
            arrays += 1
            _check(where, "weights", weights, MAX_WEIGHTS)
            _check(where, "arrays of weights", arrays, MAX_ARRAYS)
            return plain(layer, shape, *args, **options)

        keras.layers.Layer.add_weight = add_weight
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = plain


def _check(where: str, what: str, value: float, largest: float) -> None:
    if value > largest:
        received = f"{value:,}" if value < 1e15 else "far more"
        raise RefinezooError(
            f"{where}: expected at most {largest:,} for {what}, received {received}. "
            "Correct the config; larger models are built by their class, in Python."
        )
