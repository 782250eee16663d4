"""Streams of batches that a training can go on in: what comes depends on an epoch and an index."""

from typing import Any

import keras


class EpochBatches(keras.utils.PyDataset):
    """Batches that depend on `epoch` and their index alone.

    A model of refinezoo keeps `epoch` in its `fit`: the first epoch is the one the stream stands
    at, or, of a new stream, `initial_epoch`, also where `BackupAndRestore` sets that. For another
    Keras model, which ends an epoch before its first, take `FollowEpoch`.

    Args:
        initial_epoch: where in the stream to start, to resume a training.
        **kwargs: of `keras.utils.PyDataset`.
    """

    def __init__(self, initial_epoch: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epoch = initial_epoch

    def on_epoch_end(self) -> None:
        """The next epoch goes on in the stream."""
        self.epoch += 1


class FollowEpoch(keras.callbacks.Callback):
    """Keeps a dataset's `epoch` at that of `fit`, also when `BackupAndRestore` starts it later.

    Args:
        dataset: anything whose batches depend on its `epoch`, e.g. `UnpairedImages`.
        start: epoch of the dataset in the first one of `fit`; None is the same.
    """

    def __init__(self, dataset: Any, start: int | None = None) -> None:
        super().__init__()
        self.dataset, self.start = dataset, start
        self.ahead: int | None = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Before the first batch of an epoch is asked for."""
        if self.ahead is None:
            self.ahead = 0 if self.start is None else self.start - epoch
        self.dataset.epoch = epoch + self.ahead
