"""SimGAN (Shrivastava et al. 2017, arXiv 1612.07828), the ancestor of the refiners.

    R:  l_real(R(x)) + lambda | psi(R(x)) - psi(x) |_1        l_real = - log (1 - D(R(x)))
    D:  - log D(R(x)) - log (1 - D(y))

x synthetic, y real; D gives the probability of "refined" of each patch (local adversarial loss),
and half of its refined images come from a history buffer. No official code was released: K_g and
the history follow public ports, lambda was not published.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from refinezoo.data.image_size import height_and_width
from refinezoo.errors import RefinezooError
from refinezoo.layers import ImagePool
from refinezoo.losses.simgan import (
    REAL,
    REFINED,
    Psi,
    local_adversarial_loss,
    self_regularisation_loss,
)
from refinezoo.models.registry import register
from refinezoo.networks.simgan import simgan_discriminator, simgan_refiner
from refinezoo.refiners.judged import Judged
from refinezoo.refiners.refiner import Refiner, unpack
from refinezoo.training import AlternatingModel, Objective, Player, Turn
from refinezoo.training.checks import check_image_size


@register
class SimGAN(Judged, Refiner, AlternatingModel):
    """Refines locally, close to the input, until no patch tells refined from real.

    Training batch: `{"synthetic": {"image"}, "real": {"image"}}`, uint8 `[B, H, W, 3]` (or
    `[B, H, W, 1]` with one channel); B a multiple of 2, `refiner_moves` and `discriminator_moves`.

    Args:
        image_size: side of the training images, or (height, width), pixels; the history holds such
            images.
        channels: 3, or 1: images are averaged to grey, refined, and come back as grey RGB.
        width: filters of the refiner (64 in the paper).
        blocks: its residual blocks (4 for gaze, 10 for hands).
        discriminator: `"patch"` (paper), `"projected"`, frozen ImageNet features with light heads,
            or `"both"`; both see the history.
        judge: settings of the projected one, see `ProjectedJudge`: `{"taps": 2}`.
        backbone: its features, as `CycleGAN(backbone=...)`.
        discriminator_width: filters of the patches' first layer (96 in the paper).
        lambda_self_regularisation: weight of the mean L1, against a mean over patches. The ports'
            0.5 with sums over 35x55 pixels and 9x14 patches is 7.6 here.
        lambda_projected: weight of the projected discriminator in the refiner's loss.
        psi: what refining must keep: `"identity"`, `"channel_mean"` or `"feature"`.
        features: for `"feature"`, a `keras.Model` of images `[B, H, W, channels]` to a feature
            map. Only training needs it: it is not saved.
        pool_size: refined images in the history (25,600 in a port of the paper, 50 batches).
        refiner_moves: K_g, moves of R per step, each on its share of the batch.
        discriminator_moves: K_d.
        pretrain_refiner: first steps, in which R learns self-regularisation alone (1,000).
        pretrain_discriminator: next steps, in which only D learns (200).
        learning_rate: of Adam for both; the paper used SGD with this rate.
        clip_norm: longest gradient, per variable; None clips none.
        seed: of the history.
    """

    not_saved = ("features", "backbone")

    def __init__(
        self,
        *,
        image_size=64,
        channels: PositiveInt = 3,
        width: PositiveInt = 64,
        blocks: NonNegativeInt = 4,
        discriminator: str = "patch",
        judge: dict[str, Any] | None = None,
        backbone: keras.Model | None = None,
        discriminator_width: PositiveInt = 96,
        lambda_self_regularisation: NonNegativeFloat = 7.6,
        lambda_projected: NonNegativeFloat = 1.0,
        psi: Psi = "identity",
        features: keras.layers.Layer | Callable[..., Any] | None = None,
        pool_size: NonNegativeInt = 512,
        refiner_moves: PositiveInt = 2,
        discriminator_moves: PositiveInt = 1,
        pretrain_refiner: NonNegativeInt = 1000,
        pretrain_discriminator: NonNegativeInt = 200,
        learning_rate: NonNegativeFloat = 1e-3,
        clip_norm: NonNegativeFloat | None = 50.0,
        seed: int | None = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if channels not in (1, 3):
            raise RefinezooError(f"expected channels 1 or 3, received {channels}.")
        for name in self.arguments.keys() - {*self.not_saved, "discriminator", "judge"}:
            setattr(self, name, self.arguments[name])
        self.declare_judge(discriminator, judge, backbone)
        object.__setattr__(self, "features", features)  # not to be tracked, trained or saved
        self.refiner = simgan_refiner(width=width, blocks=blocks, channels=channels)
        self.discriminator = None
        if self.patches:
            self.discriminator = simgan_discriminator(width=discriminator_width, channels=channels)
        images = keras.Input((None, None, 3), name="images")
        self.inference_network = keras.Model(images, self._in_colour(images), name="simgan")
        weights = {"self_regularisation": lambda_self_regularisation}
        if self.patches:
            weights |= {"l_real": 1.0, "discriminator": 1.0}
        if self.projected:
            weights |= {"projected": lambda_projected, "discriminator_projected": 1.0}
        self.track_losses(weights)
        self.built = True

    def call(self, inputs, training=False):
        """Refines: float `[B, H, W, 3]` in [-1, 1] to the same, any H and W."""
        images, _ = unpack(inputs)
        return self._in_colour(images)

    def _in_colour(self, images):
        if self.channels == 3:
            return self.refiner(images)
        return ops.repeat(self.refiner(ops.mean(images, axis=-1, keepdims=True)), 3, axis=-1)

    # ---- the game

    def players(self):
        """The refiner R, the discriminator D and the judge's heads."""
        networks = {
            "refiner": (self.refiner,),
            "discriminator": (self.discriminator,) if self.patches else (),
            "judge": self.judge.networks if self.judge else (),
        }
        return {
            name: Player(those, clip_norm=self.clip_norm)
            for name, those in networks.items()
            if those
        }

    def turns(self):
        """R alone, D alone, then K_g moves of R and K_d of D per step."""
        refiner, *judges = (player.networks for player in self.players().values())
        first = self.pretrain_refiner
        both = first + self.pretrain_discriminator
        turns = [
            Turn((Objective(self.refiner_loss, refiner),), since=both, repeat=self.refiner_moves),
            Turn(
                (Objective(self.discriminator_loss, sum(judges, ())),),
                since=first,
                repeat=self.discriminator_moves,
            ),
        ]
        if first:
            turns.insert(0, Turn((Objective(self.pretraining_loss, refiner),), until=first))
        return turns

    def resumes_at(self, steps, untrained):
        """A trained R learns no self-regularisation again; a new D first learns alone."""
        return self.pretrain_refiner if untrained else steps

    def default_optimizers(self):
        """Adam for each player."""
        return {
            player: self.judge.optimizer()
            if player == "judge"
            else keras.optimizers.Adam(self.learning_rate)
            for player in self.players()
        }

    def prepare_training(self):
        """Makes the history of refined images and the judge.

        Raises:
            RefinezooError: psi "feature" without features.
        """
        if self.psi == "feature" and self.features is None:
            raise RefinezooError(
                'expected features (a keras.Model of images to a feature map) for psi="feature", '
                'received none. Pass SimGAN(psi="feature", features=network), or choose psi '
                '"identity" or "channel_mean".'
            )
        self.history_pool = ImagePool(self.pool_size, self.seed, half_batches=True, name="history")
        self.history_pool.build((None, *height_and_width(self.image_size), self.channels))
        self.prepare_judge()

    def pretraining_loss(self, batch, outputs):
        """The self-regularisation alone."""
        images = batch["synthetic"]["image"]
        return {"self_regularisation": self._kept(self.refiner(images), images)}, {}

    def refiner_loss(self, batch, outputs):
        """l_real and the self-regularisation."""
        images = batch["synthetic"]["image"]
        refined = self.refiner(images)
        terms = {"self_regularisation": self._kept(refined, images)}
        if self.patches:
            terms["l_real"] = local_adversarial_loss(self.discriminator(refined), REAL)
        if self.judge:
            terms["projected"] = self.judge.generator_loss("real", *self.look([refined], outputs))
        return terms, {}

    def discriminator_loss(self, batch, outputs):
        """Tells real patches from refined ones, half of these from the history."""
        refined = ops.stop_gradient(self.refiner(batch["synthetic"]["image"]))
        if outputs["training"]:
            refined = self.history_pool(refined)
        real, terms = batch["real"]["image"], {}
        if self.patches:
            terms["discriminator"] = local_adversarial_loss(
                self.discriminator(refined), REFINED
            ) + local_adversarial_loss(self.discriminator(real), REAL)
        if self.judge:
            terms["discriminator_projected"] = self.judge.discriminator_loss(
                "real", *self.look([real, refined], outputs), outputs["training"]
            )
        return terms, {}

    def _kept(self, refined, images):
        return self_regularisation_loss(refined, images, self.psi, self.features)

    def check_batch(self, data):
        """As the base class; also the size, the channels and that both halves match."""
        batch = super().check_batch(data)
        for half in ("synthetic", "real"):
            images = batch[half]["image"]
            if self.channels == 1 and images.shape[-1] == 3:
                batch[half]["image"] = ops.mean(images, axis=-1, keepdims=True)
        size = height_and_width(self.image_size)
        check_image_size(batch, size, type(self).__name__, self.channels)
        return batch
