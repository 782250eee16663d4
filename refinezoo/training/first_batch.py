"""A look at the values of the first batch before a training starts."""

from collections.abc import Iterator
from typing import Any

import keras

from refinezoo.errors import RefinezooError

ROWS = 64


def first_batch(x: Any, y: Any = None) -> tuple[Any, Any]:
    """The first batch of what `fit` takes as `x` and `y`, and `x` as `fit` shall get it.

    Inside the compiled training step values cannot be looked at, only shapes; here they can.

    Args:
        x: a `PyDataset`, a `tf.data.Dataset`, any iterable, a generator, or arrays, of which the
            first 64 rows are taken.
        y: arrays, where `x` is arrays.

    Returns:
        The batch as NumPy arrays, and `x`; a generator is put together again, so that no batch is
        lost.

    Raises:
        RefinezooError: nothing to train on, or something that holds no batches.
    """
    batch, x = _taken(x, y)
    if batch is None:
        raise RefinezooError("expected data of at least one batch, received an empty data set.")
    return keras.tree.map_structure(keras.ops.convert_to_numpy, batch), x


def _taken(x: Any, y: Any) -> tuple[Any, Any]:
    if isinstance(x, keras.utils.PyDataset):
        batch = x[0] if len(x) else None
    elif isinstance(x, Iterator):
        batch = next(x, None)
        x = _rejoined(batch, x)
    elif isinstance(x, (dict, list, tuple)) or hasattr(x, "shape"):
        arrays = x if y is None else (x, y)
        leaves = keras.tree.flatten(arrays)
        if not leaves or not all(getattr(leaf, "shape", ()) for leaf in leaves):
            raise _no_batches(x)
        batch = keras.tree.map_structure(lambda rows: rows[:ROWS], arrays)
    elif isinstance(x, str) or not hasattr(x, "__iter__"):
        raise _no_batches(x)
    else:
        batch = next(iter(x.take(1) if hasattr(x, "take") else x), None)
    return batch, x


def _no_batches(x: Any) -> RefinezooError:
    return RefinezooError(
        "expected arrays, a keras.utils.PyDataset, a tf.data.Dataset or an iterable of batches, "
        f"received {str(x)[:60]!r} ({type(x).__name__}). refinezoo.data.unpaired makes the batches "
        "of a refiner."
    )


def _rejoined(batch: Any, rest: Iterator) -> Iterator:
    if batch is not None:
        yield batch
    yield from rest
