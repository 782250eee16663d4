"""Batches drawn from arrays in memory, for any Keras backend."""

from typing import Any

import keras
import numpy as np

from refinezoo.data.epochs import EpochBatches
from refinezoo.errors import RefinezooError


class ArrayBatches(EpochBatches):
    """Batches of any structure of arrays that belong together, row by row.

    The rows come in a new random order, then in another one; a batch depends on nothing but the
    seed, `epoch` and its index, so that a resumed training sees what an uninterrupted one would.

    Args:
        arrays: arrays of equal length in a tuple or dict, such as `(images, labels)`.
        batch_size: rows of a batch.
        steps: batches per epoch.
        seed: of the order.
    """

    def __init__(self, arrays: Any, *, batch_size: int, steps: int, seed: int = 0) -> None:
        super().__init__()
        lengths = {len(array) for array in keras.tree.flatten(arrays)}
        if len(lengths) != 1 or not lengths - {0}:
            raise RefinezooError(
                f"expected arrays of one length, at least 1, received lengths {sorted(lengths)}."
            )
        self.arrays, self.batch_size, self.steps, self.seed = arrays, batch_size, steps, seed
        self.count = lengths.pop()
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, int))

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> Any:
        first = (self.epoch * self.steps + index) * self.batch_size
        rows = np.array([self._row(t) for t in range(first, first + self.batch_size)])
        return keras.tree.map_structure(lambda array: array[rows], self.arrays)

    def _row(self, t: int) -> int:
        turn, position = divmod(t, self.count)
        if self._order[0] != turn:
            order = np.random.default_rng([self.seed, turn]).permutation(self.count)
            self._order = (turn, order)
        return int(self._order[1][position])


class UnpairedArrays(EpochBatches):
    """Training batches of a refiner: `{"synthetic": {"image", ...}, "real": {"image", ...}}`.

    Args:
        synthetic: dict of arrays, `image` uint8 [N, H, W, C] and what the method needs (`label`).
        real: the same of the real images, of another length as a rule; each half has an order of
            its own.
        batch_size: rows of each half.
        steps: batches per epoch.
        seed: of the orders.
    """

    def __init__(
        self, synthetic: Any, real: Any, *, batch_size: int, steps: int, seed: int = 0
    ) -> None:
        super().__init__()
        self.halves = {
            half: ArrayBatches(
                arrays, batch_size=batch_size, steps=steps, seed=2 * seed + (half == "real")
            )
            for half, arrays in (("synthetic", synthetic), ("real", real))
        }

    def __len__(self) -> int:
        return len(self.halves["real"])

    def __getitem__(self, index: int) -> Any:
        for half in self.halves.values():
            half.epoch = self.epoch
        return {name: half[index] for name, half in self.halves.items()}
