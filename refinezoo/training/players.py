"""What a method declares for the alternating trainer: players, objectives and turns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.training.gradients import shortened


@dataclass(frozen=True)
class Player:
    """Networks that move together, by one optimizer.

    Args:
        networks: Keras models or layers; their trainable variables are the player's.
        clip_norm: longest gradient, per variable (PixelDA: 5.0).
        clip_weights: weights are clipped to +- this after each move (T2Net's feature
            discriminator: 0.01).
    """

    networks: tuple[Any, ...]
    clip_norm: float | None = None
    clip_weights: float | None = None

    @property
    def variables(self) -> list[Any]:
        """The trainable variables of the player's networks."""
        return [v for network in self.networks for v in network.trainable_variables]

    def move(self, gradients: dict[int, Any], play: Callable[[list, list], None]) -> None:
        """Moves the variables that have a gradient.

        Args:
            gradients: id of a variable -> its gradient, of all players.
            play: the optimizer's, of gradients and their variables.
        """
        moved = [v for v in self.variables if id(v) in gradients]
        if not moved:
            return
        values = [gradients[id(v)] for v in moved]
        play(shortened(values, self.clip_norm) if self.clip_norm else values, moved)
        if limit := self.clip_weights:
            for variable in moved:
                variable.assign(ops.clip(variable.value, -limit, limit))


@dataclass(frozen=True)
class Objective:
    """A sum of named loss terms and the networks that it trains.

    Args:
        loss: `loss(batch, outputs) -> (terms, outputs)`: `terms` maps names to unweighted scalars;
            `outputs` maps names to tensors that later objectives of the step receive, detached.
            The `outputs` passed in hold those of earlier objectives and the flag `"training"`.
        trains: the networks that receive this objective's gradient; any subset of the players'
            networks. Objectives of one turn that train the same network add their gradients.
    """

    loss: Callable[[dict, dict], tuple[dict, dict]]
    trains: tuple[Any, ...]


@dataclass(frozen=True)
class Turn:
    """Objectives whose gradients are taken at one point; then each player they train moves.

    Args:
        objectives: evaluated in order.
        every: the turn is taken at each `every`-th training step (T2Net's discriminators: 5).
        since: first training step of the turn (SimGAN trains its discriminator alone first).
        until: the turn ends before this step; None is never.
        repeat: moves per step (SimGAN's K_g, K_d); the batch is divided into `repeat` equal parts,
            so that each move sees fresh images.
    """

    objectives: tuple[Objective, ...]
    every: int = 1
    repeat: int = 1
    since: int = 0
    until: int | None = None

    @property
    def always(self) -> bool:
        """Whether the turn is taken at every step."""
        return self.every == 1 and self.since == 0 and self.until is None

    def due(self, step: Any) -> Any:
        """Whether the turn is taken at training step `step`, a tensor."""
        due = ops.logical_and(step % self.every == self.every - 1, step >= self.since)
        return due if self.until is None else ops.logical_and(due, step < self.until)


def shares(batch: Any, count: int) -> list[Any]:
    """A batch in `count` equal parts, for as many moves of a turn.

    Raises:
        RefinezooError: it cannot be divided so.
    """
    if count == 1:
        return [batch]
    first = keras.tree.flatten(batch)[0]
    size = first.shape[0]
    if size is not None and size % count:
        raise RefinezooError(
            f"expected a batch divisible by {count} (moves per step), received {size} images."
        )
    # `fit` leaves the batch's size open; a remainder is left out then.
    share = (size or ops.shape(first)[0]) // count
    return [
        keras.tree.map_structure(lambda x, i=i: x[i * share : (i + 1) * share], batch)
        for i in range(count)
    ]


def to_float(images: Any) -> Any:
    """uint8 images 0..255 to float32 in [-1, 1]; float images pass."""
    images = ops.convert_to_tensor(images)
    if keras.backend.standardize_dtype(images.dtype) == "uint8":
        return ops.cast(images, "float32") / 127.5 - 1.0
    return ops.cast(images, "float32")
