"""A look at the values of the first batch before a training starts."""

from collections.abc import Iterator
from typing import Any

import keras

ROWS = 64


def first_batch(x: Any, y: Any = None) -> tuple[Any, Any]:
    """The first batch of what `fit` takes as `x` and `y`, and `x` as `fit` shall get it.

    Inside the compiled training step values cannot be looked at, only shapes; here they can.

    Args:
        x: a `PyDataset`, a `tf.data.Dataset`, any iterable, a generator, or arrays, of which the
            first 64 rows are taken.
        y: arrays, where `x` is arrays.

    Returns:
        The batch as NumPy arrays (None if there is nothing), and `x`; a generator is put together
        again, so that no batch is lost.
    """
    if isinstance(x, keras.utils.PyDataset):
        batch = x[0]
    elif isinstance(x, Iterator):
        batch = next(x, None)
        x = _rejoined(batch, x)
    elif isinstance(x, (dict, list, tuple)) or hasattr(x, "shape"):
        batch = keras.tree.map_structure(lambda rows: rows[:ROWS], x if y is None else (x, y))
    else:
        batch = next(iter(x.take(1) if hasattr(x, "take") else x), None)
    if batch is not None:
        batch = keras.tree.map_structure(keras.ops.convert_to_numpy, batch)
    return batch, x


def _rejoined(batch: Any, rest: Iterator) -> Iterator:
    if batch is not None:
        yield batch
    yield from rest
