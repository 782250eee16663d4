"""The learning rate policy of PVANET: lower when the loss stays, and wait longer each time."""

from collections.abc import Sequence

import keras

from refinezoo.errors import RefinezooError


class Plateau(keras.callbacks.Callback):
    """Multiplies the learning rate by `factor` when the loss reached no new minimum for a window.

    The windows are used one after the other, so the rate falls as often as there are windows. The
    loss is the mean of an epoch; make epochs short beside the windows (a tenth or less). A
    training that is resumed starts its current window anew.

    Args:
        windows: steps to wait, per fall. The authors' for VOC with 1 image a step.
        factor: see above.

    Raises:
        RefinezooError: no window, or one of 0 steps or less.

    Reference:
        Kim et al., PVANET, arXiv 1608.08021, section 3.1; values of the authors' solver.prototxt.
    """

    def __init__(
        self, windows: Sequence[int] = (50_000, 75_000, 100_000), factor: float = 0.1
    ) -> None:
        super().__init__()
        if not windows or min(windows) <= 0:
            raise RefinezooError(
                f"expected windows as one or more numbers of steps, received {windows!r}."
            )
        self.windows, self.factor = tuple(windows), factor
        self.falls = 0

    def on_train_begin(self, logs=None):
        """Starts the first, or after a resume the current, window."""
        self._restart()
        rate = self.model.optimizer.learning_rate
        if isinstance(
            self.model.optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule
        ):
            raise RefinezooError(
                "expected an optimizer with a constant learning rate, which Plateau lowers, "
                f"received a schedule (now {float(rate):.3g}). Use one of the two."
            )

    def on_epoch_end(self, epoch, logs=None):
        """Lowers the rate where the window has passed; the logs say what it is."""
        step = int(self.model.optimizer.iterations)
        loss = float((logs or {})["loss"])
        if loss < self.best:
            self.best, self.since = loss, step
        elif self.falls < len(self.windows) and step - self.since >= self.windows[self.falls]:
            optimizer = self.model.optimizer
            optimizer.learning_rate = float(optimizer.learning_rate) * self.factor
            self.falls += 1
            self.since = step
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)

    def _restart(self):
        self.best, self.since = float("inf"), int(self.model.optimizer.iterations)
