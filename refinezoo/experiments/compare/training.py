"""The training that every arm gets: equal steps, one schedule, resumable within a run."""

from __future__ import annotations

import math
import os
from typing import Any

import keras
import numpy as np

from refinezoo.data.epochs import EpochBatches
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.tasks.study import Task
from refinezoo.training.start import slow_backbone

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
}


def prepare(task: Task, spec: dict[str, Any]) -> tuple[Any, keras.Model, MixedBatches]:
    """What a training of a study needs: the model to keep, what of it to fit, and on what."""
    training = spec["training"]
    sizes = samples_per_set([part["share"] for part in spec["sets"]], training["batch_size"])
    made = task.prepare(spec, lambda: optimizer(training), sizes, steps_per_epoch(training))
    return made.model, made.fitted, MixedBatches(made.parts)


class MixedBatches(EpochBatches):
    """Batches of which each set fills a fixed number of samples.

    Args:
        parts: one PyDataset per set, all with the same number of batches per epoch. A part draws
            by its attribute `epoch` and the batch's index alone, so that a resumed training sees
            what an uninterrupted one would have seen.
    """

    def __init__(self, parts: list[keras.utils.PyDataset]) -> None:
        super().__init__()
        self.parts = parts

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, index: int) -> Any:
        for part in self.parts:
            part.epoch = self.epoch
        batches = [part[index] for part in self.parts]
        if len(batches) == 1:
            return batches[0]
        return keras.tree.map_structure(lambda *leaves: np.concatenate(leaves), *batches)


class StepAndLoss(keras.callbacks.Callback):
    """Tells the data which step comes next, says how the loss falls, stops at NaN.

    Raises:
        RefinezooError: the loss is not finite.
    """

    def __init__(self, batches: MixedBatches, steps: int) -> None:
        super().__init__()
        self.batches, self.steps = batches, steps
        self.last = math.nan

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Places the data at the first step of the epoch, also after a resume."""
        self.batches.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Prints one line per epoch and checks the loss (of several named ones, their sum)."""
        values = {name: float(value) for name, value in (logs or {"loss": math.nan}).items()}
        self.last = values.get("loss", sum(values.values()))
        step = min(self.steps, (epoch + 1) * len(self.batches))
        shown = ", ".join(f"{name} {float(value):.4f}" for name, value in (logs or {}).items())
        print(f"step {step} of {self.steps}: {shown}", flush=True)
        if not math.isfinite(self.last):
            raise RefinezooError(
                f"the loss became {self.last} before step {step}. "
                "Lower training.learning_rate, or set training.clipnorm."
            )


def samples_per_set(shares: list[float], batch_size: int) -> list[int]:
    """How many of `batch_size` samples each set fills: its share, rounded, at least one.

    Raises:
        RefinezooError: there are more sets than samples.
    """
    if len(shares) > batch_size:
        raise RefinezooError(
            f"expected training.batch_size of at least {len(shares)}, one sample per set, "
            f"received {batch_size}."
        )
    exact = [share * batch_size for share in shares]
    found = [max(1, math.floor(value)) for value in exact]
    while sum(found) > batch_size:
        spare = [i for i in range(len(found)) if found[i] > 1]
        found[max(spare, key=lambda i: found[i] - exact[i])] -= 1
    while sum(found) < batch_size:
        found[max(range(len(found)), key=lambda i: exact[i] - found[i])] += 1
    return found


def optimizer(training: dict[str, Any]) -> keras.optimizers.Optimizer | None:
    """The optimizer that the study's training section describes; None is the model's own."""
    name = training["optimizer"].lower()
    if name == "own":
        return None
    if name not in OPTIMIZERS:
        raise RefinezooError(
            f"training.optimizer: expected one of {', '.join(OPTIMIZERS)} and own, received "
            f"{name!r}.{did_you_mean(name, [*OPTIMIZERS, 'own'])}"
        )
    rate, steps, warmup = training["learning_rate"], training["steps"], training["warmup"]
    if training["schedule"] == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            rate * 1e-3 if warmup else rate,
            max(1, steps - warmup),
            alpha=0.01,
            warmup_target=rate if warmup else None,
            warmup_steps=warmup,
        )
    arguments: dict[str, Any] = {"momentum": 0.9} if name == "sgd" else {}
    for key in ("weight_decay", "clipnorm"):
        if training.get(key) is not None:
            arguments[key] = training[key]
    if training.get("ema") is not None:
        arguments.update(use_ema=True, ema_momentum=training["ema"])
    share = training.get("backbone_rate")
    if share is None:
        return OPTIMIZERS[name](learning_rate=rate, **arguments)
    if name != "adam":
        raise RefinezooError(
            f"training.backbone_rate: expected optimizer: adam with it, received {name}. Leave one "
            "of the two out."
        )
    return slow_backbone(rate, share, **arguments)


def steps_per_epoch(training: dict[str, Any]) -> int:
    """The divisor of the steps nearest to `backup_every`; all steps where none is near."""
    steps, wanted = int(training["steps"]), int(training["backup_every"])
    near = [d for d in range(max(1, wanted // 2), min(steps, 2 * wanted) + 1) if steps % d == 0]
    return min(near, key=lambda d: abs(d - wanted)) if near else steps


def train(
    model: keras.Model, batches: MixedBatches, training: dict[str, Any], backup: str | os.PathLike
) -> float:
    """Fits a compiled model for exactly `training["steps"]` steps.

    A training that was cut off goes on from its last checkpoint, which lies in `backup`. The last
    epoch is not kept, so that a resumed training has its loss to tell, too.

    Returns:
        The mean loss of the last epoch.
    """
    checkpoint, epochs = Checkpoint(backup), int(training["steps"]) // len(batches)
    for old in checkpoint.folder.parent.glob("backup_*"):
        if old != checkpoint.folder:
            Checkpoint(old).remove()
    watch = StepAndLoss(batches, int(training["steps"]))
    model.optimizer.build(model.trainable_variables)  # so that its state is there to be restored
    checkpoint.check_room(model)

    def keep(epoch: int, logs: Any) -> None:
        if epoch + 1 < epochs:
            checkpoint.save(model, epoch + 1)

    model.fit(
        batches,
        epochs=epochs,
        initial_epoch=checkpoint.restore(model),
        shuffle=False,
        verbose=0,
        # The watch comes first: a loss that is no number must not be kept.
        callbacks=[watch, keras.callbacks.LambdaCallback(on_epoch_end=keep)],
    )
    return watch.last
