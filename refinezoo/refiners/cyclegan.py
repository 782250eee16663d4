"""CycleGAN (Zhu et al. 2017, arXiv 1703.10593), the refiner of GeneSIS-RT (Stein & Roy 2018).

    min_{G,F} max_{D}  L_GAN(G, D_real) + L_GAN(F, D_synthetic)
                       + lambda_cycle    [ |F(G(x)) - x|_1 + |G(F(y)) - y|_1 ]
                       + lambda_identity lambda_cycle [ |G(y) - y|_1 + |F(x) - x|_1 ]

x synthetic, y real, G: synthetic -> real, F: real -> synthetic; least-squares GAN, history pool.
Not in the paper: a projected discriminator (`refiners.judge`) beside the PatchGAN or in its place,
lambda_perceptual d(G(x), x), a distance in frozen features, and lambda_task L(T(G(x)), labels of x)
of a downstream model T (`refiners.task`).
"""

import os
from functools import partial
from typing import Any

import keras
from keras import ops
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from refinezoo.config import Share
from refinezoo.data.image_size import height_and_width
from refinezoo.layers import ImagePool
from refinezoo.losses.adversarial import lsgan_discriminator_loss, lsgan_generator_loss
from refinezoo.losses.cycle import l1_loss
from refinezoo.losses.perceptual import perceptual_loss
from refinezoo.models.registry import register
from refinezoo.networks.discriminators import check_patches, patch_discriminator
from refinezoo.networks.generators import generator_called
from refinezoo.refiners.judged import Judged
from refinezoo.refiners.refines_by_mean import RefinesByMean
from refinezoo.refiners.task import Tasked
from refinezoo.training import AlternatingModel, Objective, Player, Turn
from refinezoo.training.checks import check_image_size
from refinezoo.training.recomputed import Recomputed
from refinezoo.training.schedules import decayed


@register
class CycleGAN(Judged, Tasked, RefinesByMean, AlternatingModel):
    """Unpaired image translation with cycle consistency.

    Training batch: `{"synthetic": {"image"}, "real": {"image"}}`, uint8 `[B, H, W, 3]`.

    Args:
        image_size: side of the training images, or (height, width), pixels, multiples of 4 (of 8
            with `"affine"`); the history pool holds such images.
        generator: `"resnet"` (paper) or `"affine"` (`affine_generator`: light and colour alone).
        width: filters of the generators' first layer (64 in the paper).
        blocks: residual blocks (9 from 256 px up, 6 for 128 px).
        upsampling: of `"resnet"`, `"deconv"` (paper) or `"resize"` (no checkerboard).
        residual: G adds its output to the render (not in the paper).
        colour: what a render goes through before G (not in the paper), so that G need not learn
            the light of the photos: None, `"match"` (`ColourMatch`: the statistics of a random
            photo) or `"transport"` (`ColourTransport`); `adapt` fills it.
        colour_photos: photos that `"match"` draws from.
        discriminator: `"patch"` (paper), `"projected"`, frozen ImageNet features with light heads,
            or `"both"`.
        judge: settings of the projected one, see `ProjectedJudge`: `{"taps": 2}`.
        backbone: its features, as `projected_features` takes them; None is the zoo's
            EfficientNet-Lite0. Only training needs it: presets do not hold it, and a `.keras` file
            can be opened again with the zoo's alone.
        discriminator_width: filters of the PatchGANs' first layer; None is `width`.
        discriminator_layers: their strided layers: 3 judge patches of 70 px (paper), 2 of 34 px.
        normalised: instance norm in all networks (paper). It hides from discriminators how sharp an
            image is, and small generators were seen to grow bright spots to steer it.
        lambda_cycle: weight of the cycle-consistency loss.
        lambda_identity: weight of the identity loss, as a share of `lambda_cycle`.
        lambda_projected: weight of the projected discriminators in the generators' loss.
        lambda_perceptual: weight of `perceptual_loss` between G(x) and x on three maps of
            `backbone`: keeps print and edges, and leaves the light free.
        task_loss: a downstream model, or its name in the zoo, whose loss on refined renders G has
            to keep low; the renders then come with `"targets"` (detectors), `"class_ids"`
            (segmenters), `"depth_m"` or `"label"`. Presets do not hold it.
        lambda_task: weight of that loss.
        train_task: whether the model learns along from the refined renders; else it is frozen.
        gradient_checkpointing: training keeps only the images that go through a generator and
            computes its feature maps again for the gradients: less memory, a generator pass more.
        pool_size: images in each discriminator's history.
        learning_rate: of Adam with beta_1 0.5 in `compile()`. Without norms, take 1e-4 for whole
            scenes, where 2e-4 was seen to diverge.
        clip_norm: longest gradient, per variable; 0 clips none. None is 1 with a projected
            discriminator and 0 without.
        decay_steps: `(constant, linear)`: steps at that rate, then steps in which it falls to 0;
            the paper's are those of 100 epochs each. None keeps the rate.
        ema_decay: 0, or the decay of a running mean of G's weights, which then refines.
        seed: of the history pools.
    """

    judged = ("real", "synthetic")
    not_saved = ("backbone", "task_loss")

    def __init__(
        self,
        *,
        image_size=256,
        generator: str = "resnet",
        width: PositiveInt = 64,
        blocks: NonNegativeInt = 9,
        upsampling: str = "deconv",
        residual: bool = False,
        colour: str | None = None,
        colour_photos: PositiveInt = 256,
        discriminator: str = "patch",
        judge: dict[str, Any] | None = None,
        backbone: keras.Model | None = None,
        discriminator_width: PositiveInt | None = None,
        discriminator_layers: NonNegativeInt = 3,
        normalised: bool = True,
        lambda_cycle: NonNegativeFloat = 10.0,
        lambda_identity: NonNegativeFloat = 0.5,
        lambda_projected: NonNegativeFloat = 1.0,
        lambda_perceptual: NonNegativeFloat = 0.0,
        task_loss: keras.Model | str | os.PathLike | None = None,
        lambda_task: NonNegativeFloat = 1.0,
        train_task: bool = False,
        gradient_checkpointing: bool = False,
        pool_size: NonNegativeInt = 50,
        learning_rate: NonNegativeFloat = 2e-4,
        clip_norm: NonNegativeFloat | None = None,
        decay_steps: tuple[NonNegativeInt, NonNegativeInt] | None = None,
        ema_decay: Share = 0.0,
        seed: int | None = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_size, self.pool_size, self.seed = image_size, pool_size, seed
        self.learning_rate, self.decay_steps = learning_rate, decay_steps
        self.declare_judge(discriminator, judge, backbone)
        self.declare_task(task_loss, train_task)
        self.clip_norm = (1.0 if self.projected else 0.0) if clip_norm is None else clip_norm
        self.gradient_checkpointing = gradient_checkpointing

        make_generator, self.stride = generator_called(
            generator,
            width=width,
            blocks=blocks,
            upsampling=upsampling,
            residual=residual,
            normalised=normalised,
        )
        self.generator_s2r = make_generator(name="generator_s2r")
        self.generator_r2s = make_generator(name="generator_r2s")
        if self.patches:
            patches = partial(
                patch_discriminator,
                width=discriminator_width or width,
                layers_strided=discriminator_layers,
                normalised=normalised,
            )
            self.discriminator_real = patches(name="discriminator_real")
            self.discriminator_synthetic = patches(name="discriminator_synthetic")
        self.refine_by(make_generator, ema_decay, colour, colour_photos)
        weights = {"cycle": lambda_cycle, "identity": lambda_cycle * lambda_identity}
        if self.patches:
            weights = {"adversarial_s2r": 1.0, "adversarial_r2s": 1.0, **weights}
            weights |= {"discriminator_real": 1.0, "discriminator_synthetic": 1.0}
        if self.projected:
            weights |= {f"projected_{way}": lambda_projected for way in ("s2r", "r2s")}
            weights |= {f"discriminator_projected_{half}": 1.0 for half in self.required_keys}
        if lambda_perceptual:
            weights["perceptual"] = lambda_perceptual
        if task_loss is not None:
            weights["task"] = lambda_task
        self.track_losses(weights | self.extra_loss_weights())
        self.built = True

    # ---- the game

    def players(self):
        """The two generators move together, then the two discriminators and the judge's heads."""
        clip = self.clip_norm or None
        players = {"generators": Player((self.generator_s2r, self.generator_r2s), clip)}
        if self.patches:
            judges = (self.discriminator_real, self.discriminator_synthetic)
            players["discriminators"] = Player(judges, clip)
        if self.judge:
            players["judge"] = Player(self.judge.networks, clip)
        if self.task and self.train_task:
            players["task"] = Player((self.task_network,), clip)
        return players

    def turns(self):
        """Generators, then discriminators on the images just made, through the pools.

        A task model that trains along learns in the generators' turn, which has its loss.
        """
        networks = {name: player.networks for name, player in self.players().items()}
        made = networks.pop("generators") + networks.pop("task", ())
        return [
            Turn((Objective(self.generator_loss, made),)),
            Turn((Objective(self.discriminator_loss, sum(networks.values(), ())),)),
        ]

    def default_optimizers(self):
        """Adam, beta_1 0.5, for each player."""
        scheduled = partial(decayed, decay_steps=self.decay_steps)
        return {
            player: self.judge.optimizer(scheduled)
            if player == "judge"
            else keras.optimizers.Adam(scheduled(self.learning_rate), beta_1=0.5, epsilon=1e-8)
            for player in self.players()
        }

    def prepare_training(self):
        """Makes the pools of the PatchGANs and, once, the frozen features, judge and task."""
        size = height_and_width(self.image_size, multiple=self.stride)
        if self.patches:
            check_patches(self.discriminator_real, size)
        self.pools = [
            ImagePool(self.pool_size, self.seed + i, name=f"pool_{half}")
            for i, half in enumerate(("refined", "unrefined") if self.patches else ())
        ]
        for pool in self.pools:
            pool.build((None, *size, 3))
        self.prepare_judge(features="perceptual" in self.loss_weights)
        self.prepare_task()

    def generator_loss(self, batch, outputs):
        """L_GAN both ways, cycle and identity; puts out the refined images and fake renders."""
        x, y = batch["synthetic"]["image"], batch["real"]["image"]
        if self.colour:
            x = self.colour(x, batch["seed"])
        s2r, r2s = (partial(g, training=True) for g in (self.generator_s2r, self.generator_r2s))
        if self.gradient_checkpointing:
            s2r, r2s = map(Recomputed(), (s2r, r2s))
        refined, fake_render = s2r(x), r2s(y)
        back_x, back_y = r2s(refined), s2r(fake_render)
        terms = {"cycle": l1_loss(back_x, x) + l1_loss(back_y, y)}
        if self.patches:
            terms |= {
                "adversarial_s2r": lsgan_generator_loss(self.discriminator_real(refined)),
                "adversarial_r2s": lsgan_generator_loss(self.discriminator_synthetic(fake_render)),
            }
        if self.loss_weights["identity"]:
            terms["identity"] = l1_loss(s2r(y), y) + l1_loss(r2s(x), x)
        made = {"x": x, "refined": refined, "fake_render": fake_render}
        terms |= self.extra_losses_of(batch, {**made, "y": y, "back_x": back_x, "back_y": back_y})
        if "perceptual" in self.loss_weights:
            terms["perceptual"] = perceptual_loss(self.features(refined), self.features(x))
        if self.task:
            terms["task"] = self.task.loss(refined, batch["synthetic"][self.task.key])
        if self.judge:
            made["views"] = views = self.look((refined, fake_render), outputs, self.masks(batch))
            terms["projected_s2r"] = self.judge.generator_loss("real", views[0])
            terms["projected_r2s"] = self.judge.generator_loss("synthetic", views[1])
        return terms, made

    def masks(self, batch):
        """Foreground masks of renders and photos, for a judge with `regions`."""
        return None

    def extra_loss_weights(self):
        """Loss terms that a variant adds, name -> lambda."""
        return {}

    def extra_losses_of(self, batch, made):
        """Values of the terms of `extra_loss_weights`, from the images of `generator_loss`."""
        return {}

    def discriminator_loss(self, batch, outputs):
        """Each discriminator tells its domain from the pooled images of a generator.

        The judge's fakes are those just made, whose features the generators' turn has computed.
        """
        x, y, terms = outputs["x"], batch["real"]["image"], {}
        refined, fake_render = outputs["refined"], outputs["fake_render"]
        if self.patches:
            if self.pool_size and outputs["training"]:
                refined, fake_render = self.pools[0](refined), self.pools[1](fake_render)
            for half, discriminator, true, fake in (
                ("real", self.discriminator_real, y, refined),
                ("synthetic", self.discriminator_synthetic, x, fake_render),
            ):
                loss = lsgan_discriminator_loss(discriminator(true), discriminator(fake))
                terms[f"discriminator_{half}"] = loss
        if self.judge:
            render, photo = self.look((x, y), outputs, self.masks(batch))
            refined, fake_render = outputs["views"]
            for half, true, fake in (("real", photo, refined), ("synthetic", render, fake_render)):
                terms[f"discriminator_projected_{half}"] = self.judge.discriminator_loss(
                    half, true, fake, outputs["training"]
                )
        return terms, {}

    def check_batch(self, data):
        """As the base class; also the size, and a seed for the draw of colours."""
        batch = super().check_batch(data)
        check_image_size(batch, height_and_width(self.image_size), type(self).__name__)
        if self.colour:
            count = ops.shape(batch["synthetic"]["image"])[0]
            step = ops.cast(self.optimizer.iterations, "int32") if self.optimizer else 0
            batch["seed"] = ops.arange(count, dtype="int32") + step
        return batch
