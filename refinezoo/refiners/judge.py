"""A projected discriminator as a player of any refiner: what it sees, what it loses, who leads.

    L_D = 1/n sum_l [ mean relu(1 - D_l(y)) + mean relu(1 + D_l(G(x))) ]
    L_G = -1/n sum_l mean D_l(G(x))

y real, G(x) refined, both moved, cut and, at first, blurred (`ShiftAndCutout`); D_l the head on
map l of frozen features (`networks.projected`). Frozen features know textures from the start: the
heads win within a few hundred steps and G starves unless `balance` holds them back.
Reference: Sauer et al. 2021, arXiv 2111.01007.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers import ShiftAndCutout
from refinezoo.layers.resizing import resize_bilinear
from refinezoo.losses.adversarial import (
    hinge_discriminator_loss,
    hinge_generator_loss,
    weighted_mean,
)
from refinezoo.networks.projected import LEAST, projected_features, projected_heads

KERNEL = 4  # cells of a strided map under each logit of a head


class ProjectedJudge(keras.layers.Layer):
    """One frozen view of the images, and a set of heads for each domain that is judged.

    Args:
        backbone: as `projected_features` takes it.
        domains: names of what the heads know as real.
        regions: whether foreground and background have heads of their own, weighed by its mask.
        taps: maps of the backbone that are judged; 2 judge texture, 3 also objects, 4 layout.
        width: filters of the heads.
        shift: of `ShiftAndCutout`.
        cutout: of `ShiftAndCutout`.
        blur_steps: training steps over which a blur of sigma 2 px fades to none; the method takes
            the first 10 to 20 %.
        balance: what holds the heads back. A number: a head moves only while its loss is above
            it (2 knows nothing, 0 knows all). `"adaptive"`: the longer a head is right in more than
            60 %, the seldomer it moves (Richter et al. 2021, arXiv 2105.04619). None: nothing.
        learning_rate: of the heads' Adam, with beta_1 0.5 and beta_2 0.99.
        seed: of the mixing and of all draws.

    Raises:
        RefinezooError: a balance or width that means nothing.
    """

    def __init__(
        self,
        backbone: keras.Model,
        domains: Sequence[str] = ("real",),
        *,
        regions: bool = False,
        taps: int = 3,
        width: int = 64,
        shift: float = 0.125,
        cutout: float = 0.5,
        blur_steps: int = 0,
        balance: float | str | None = 1.0,
        learning_rate: float = 1e-4,
        seed: int = 0,
    ) -> None:
        super().__init__(name="judge")
        if (isinstance(balance, str) and balance != "adaptive") or width % 8 or width < 8:
            raise RefinezooError(
                "expected balance as a number from 0 to 2, 'adaptive' or None and width as a "
                f"multiple of 8, received {balance!r} and {width}."
            )
        self.blur_steps, self.learning_rate = blur_steps, learning_rate
        self.features = projected_features(backbone, taps=taps, seed=seed)
        self.augment = ShiftAndCutout(shift, cutout, seed)
        which = ("foreground", "background") if regions else (None,)
        self.sets = [
            Heads(self.features, domain, region, width, balance, seed + k)
            for k, (domain, region) in enumerate(itertools.product(domains, which))
        ]
        self.built = True

    @property
    def networks(self) -> tuple[keras.Model, ...]:
        """What is trained of it."""
        return tuple(heads.network for heads in self.sets)

    def heads_of(self, domain: str) -> list["Heads"]:
        """The sets of heads of a domain: for foreground and background, or one for all."""
        return [heads for heads in self.sets if heads.domain == domain]

    def look(
        self, images: Sequence[Any], masks: Any = None, step: Any = None, augment: bool = True
    ) -> list[dict]:
        """What the heads are shown of batches of images, in one pass.

        Args:
            images: list of batches `[B, H, W, 3]` in [-1, 1], all of one size; grey ones are
                `[B, H, W, 1]`. Sides below 64 px are enlarged to that.
            masks: list of foreground masks `[B, H, W, 1]`, where regions are judged.
            step: training step, for the blur.
            augment: whether they are moved, cut and blurred (in training).

        Returns:
            A view per batch, which `generator_loss` and `discriminator_loss` take.
        """
        counts = [ops.shape(batch)[0] for batch in images]
        stack = _coloured(ops.concatenate([ops.cast(batch, "float32") for batch in images]))
        mask = None if masks is None else ops.concatenate([ops.cast(m, "float32") for m in masks])
        height, width = stack.shape[1:3]
        if min(height, width) < LEAST:
            size = (max(height, LEAST), max(width, LEAST))
            stack = resize_bilinear(stack, size)
            mask = None if mask is None else resize_bilinear(mask, size)
        if augment:
            sigma = 0.0
            if self.blur_steps:
                sigma = 2.0 * (1.0 - ops.cast(step, "float32") / self.blur_steps)
            stack, mask = self.augment(stack, mask, sigma=sigma)
        # Of one map Keras makes no list.
        maps, views, start = keras.tree.flatten(self.features(stack)), [], 0
        for count in counts:
            part = slice(start, start + count)
            view = {"maps": [each[part] for each in maps]}
            views.append(view if mask is None else {**view, "mask": mask[part]})
            start += count
        return views

    def optimizer(self, scheduled: Callable[[float], Any] = float) -> keras.optimizers.Optimizer:
        """Adam for the heads; `scheduled` makes the refiner's schedule of a rate."""
        return keras.optimizers.Adam(scheduled(self.learning_rate), 0.5, 0.99, epsilon=1e-8)

    def generator_loss(self, domain: str, made: dict) -> Any:
        """L_G of a view of refined images, a scalar; the mean of foreground and background."""
        losses = [heads.generator_loss(made) for heads in self.heads_of(domain)]
        return sum(losses) / len(losses)

    def discriminator_loss(self, domain: str, real: dict, made: dict, training: bool) -> Any:
        """L_D of views of photos and of refined images, a scalar."""
        losses = [h.discriminator_loss(real, made, training) for h in self.heads_of(domain)]
        return sum(losses) / len(losses)


class Heads(keras.layers.Layer):
    """The heads of one domain and region, and the rule that keeps them from winning."""

    def __init__(self, features, domain, region, width, balance, seed):
        stored = {None: "all", "foreground": "goods"}.get(region, region)  # as presets name it
        super().__init__(name=f"heads_{domain}_{stored}")
        self.network = projected_heads(features, width=width, name=self.name)
        self.domain, self.region, self.balance = domain, region, balance
        if balance == "adaptive":
            count = len(self.network.outputs)
            self.lead = self.add_weight(
                name="lead", shape=(count,), initializer="zeros", trainable=False
            )
            self.random = keras.random.SeedGenerator(seed)
            self.random_state = self.random.state  # a weight, so that checkpoints hold it
        self.built = True

    def generator_loss(self, made):
        logits = self._logits(made, training=False)
        losses = [hinge_generator_loss(x, self._weights(x, made)) for x in logits]
        return sum(losses) / len(losses)

    def discriminator_loss(self, real, made, training):
        logits = [self._logits(view, training) for view in (real, made)]
        losses, right = [], []
        for true, fake in zip(*logits, strict=True):
            w, v = self._weights(true, real), self._weights(fake, made)
            losses.append(hinge_discriminator_loss(true, fake, w, v))
            correct = [ops.cast(x > 0.0, "float32") for x in (true, -fake)]
            right.append(sum(map(weighted_mean, correct, (w, v))) / 2.0)
        moves = self._moves(ops.stack(losses), ops.stack(right)) if training else None
        if moves is not None:
            losses = [
                ops.where(moves[k], loss, ops.stop_gradient(loss)) for k, loss in enumerate(losses)
            ]
        return sum(losses) / len(losses)

    def _logits(self, view, training):
        return keras.tree.flatten(self.network(view["maps"], training=training))

    def _moves(self, losses, right):
        """Which heads train in this step, bool `[heads]`; None is all."""
        if self.balance is None:
            return None
        if self.balance != "adaptive":
            return losses > self.balance
        draws = keras.random.uniform(ops.shape(losses), seed=self.random)
        moves = draws < 1.0 / (1.0 + self.lead)
        self.lead.assign(ops.clip(self.lead + ops.sign(right - 0.6), 0.0, 1000.0))
        return moves

    def _weights(self, logits, view):
        """How much of the region lies under each logit, `[B, h, w, 1]`; None without regions."""
        if self.region is None:
            return None
        mask = view["mask"] if self.region == "foreground" else 1.0 - view["mask"]
        rows, columns = (
            ops.convert_to_tensor(area_shares(mask.shape[axis], logits.shape[axis] + KERNEL - 1))
            for axis in (1, 2)
        )
        return ops.einsum("hi,biwc,vw->bhvc", rows, mask, columns)


def area_shares(pixels: int, cells: int) -> np.ndarray:
    """Mean over the pixels under each `KERNEL` neighbours of `cells`: `[cells - 3, pixels]`.

    A pixel on the border of two cells counts for both by its share.
    """
    edges = np.linspace(0, pixels, cells + 1)
    first, last = edges[:-KERNEL, None], edges[KERNEL:, None]
    place = np.arange(pixels)
    covered = np.clip(np.minimum(last, place + 1) - np.maximum(first, place), 0.0, 1.0)
    return (covered / (last - first)).astype("float32")


def _coloured(images):
    return images if images.shape[-1] == 3 else ops.repeat(images, 3, axis=-1)
