"""Renders refined anew each time that a training shows them, and stored refinements in turn."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.epochs import EpochBatches

_SEEDS = 2**31 - 1


class OnlineRefiner:
    """A refinement that depends on the render, the seed of the training and a number alone.

    So a resumed training sees what an uninterrupted one would have seen.

    Args:
        refiner: anything with `refine(images, strength=, seed=)`.
        seed: of the training.
        strength: of the refinement.
        least_strength: draw the strength evenly from here to `strength`; None does not.
    """

    def __init__(
        self, refiner: Any, seed: int, strength: float = 1.0, least_strength: float | None = None
    ) -> None:
        self.refiner, self.seed = refiner, seed
        self.strengths = (strength if least_strength is None else least_strength, strength)

    @classmethod
    def of(cls, said: dict[str, Any], seed: int) -> "OnlineRefiner":
        """That of a study's set: `said` has `preset` (a folder), `strength`, `least_strength`."""
        from refinezoo import load
        from refinezoo.training.precision import training_precision

        with training_precision("float32"):  # whatever the model trains in
            refiner = load(Path(said["preset"]))
        return cls(refiner, seed, said["strength"], said["least_strength"])

    def __call__(self, render: np.ndarray, number: int) -> np.ndarray:
        """A uint8 render `[H, W, 3]`, refined as it is shown for the so-manieth time."""
        random = np.random.default_rng([self.seed, number])
        seed, (least, most) = int(random.integers(_SEEDS)), self.strengths
        strength = float(random.uniform(least, most)) if least < most else most
        return self.refiner.refine(render, strength=strength, seed=seed)


class RefinedBatches(EpochBatches):
    """Batches `(images, targets)` whose images are refined anew in each.

    Args:
        batches: an `EpochBatches` of pairs, images uint8 `[B, H, W, 3]`.
        online: what refines them.
    """

    def __init__(self, batches: Any, online: OnlineRefiner) -> None:
        super().__init__()
        self.batches, self.online = batches, online

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        self.batches.epoch = self.epoch
        images, *rest = self.batches[index]
        first = (self.epoch * len(self) + index) * len(images)
        refined = [self.online(image, first + place) for place, image in enumerate(images)]
        return (np.stack(refined), *rest)


class TurnsBatches(EpochBatches):
    """Batches of several sources, one after the other.

    The sources have the same images in the same order, each refined in its own way: of every
    pass over them each image comes once, in one of the ways.

    Args:
        sources: `EpochBatches` of one length.
    """

    def __init__(self, sources: Sequence[Any]) -> None:
        super().__init__()
        self.sources = sources

    def __len__(self) -> int:
        return len(self.sources[0])

    def __getitem__(self, index: int) -> Any:
        turn = self.epoch * len(self) + index
        source = self.sources[turn % len(self.sources)]
        source.epoch = self.epoch
        return source[index]
