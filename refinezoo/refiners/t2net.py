"""T2Net: depth of real photos from synthetic pairs (Zheng, Cham & Cai 2018, arXiv 1808.01454).

    L = L_GAN(G, D) + lambda_reconstruction |G(x_r) - x_r|_1 + lambda_task L_t(T(G(x_s)), y_s)
        + lambda_feature L_GAN(f, D_f) + lambda_smoothness L_s(T(x_r), x_r)

x_s synthetic with depth y_s, x_r real. One translator G takes both: it shall change synthetic
images into real ones and leave real ones as they are, so it changes no more than it must. T is the
depth network, f its features; D judges images, D_f features, both by least squares. Depth of a real
photo is T(x_r); G is not used then. It refines synthetic datasets.
"""

from typing import Any, Literal

import keras
from keras import ops
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from refinezoo.data.image_size import height_and_width
from refinezoo.layers import ImagePool
from refinezoo.losses.adversarial import lsgan_discriminator_loss, lsgan_generator_loss
from refinezoo.losses.cycle import l1_loss
from refinezoo.losses.depth import Order, depth_task_loss, smoothness_loss
from refinezoo.models.registry import register
from refinezoo.networks.affine_generator import affine_generator
from refinezoo.networks.depth_unet import BACKBONES, STRIDE
from refinezoo.networks.t2net_discriminators import (
    t2net_feature_discriminator,
    t2net_image_discriminator,
)
from refinezoo.networks.t2net_translator import t2net_translator
from refinezoo.refiners.judged import Judged
from refinezoo.refiners.refiner import Refiner, unpack
from refinezoo.refiners.t2net_depth import DepthInside
from refinezoo.tasks.depth.checks import check_size
from refinezoo.training import AlternatingModel, Objective, Player, Turn
from refinezoo.training.schedules import decayed
from refinezoo.training.start import slow_backbone


@register
class T2Net(DepthInside, Judged, Refiner, AlternatingModel):
    """Translates synthetic images and learns depth from them, end to end.

    Training batch: `{"synthetic": {"image", "depth_m"}, "real": {"image"}}`, images uint8
    `[B, H, W, 3]`, depth in metres `[B, H, W, 1]` with 0 or NaN = missing. The defaults are the
    published code as it stands; `T2Net.indoor()` and `T2Net.outdoor()` are its two configurations.

    Args:
        image_size: (height, width) of training images, or one side, multiples of 16, at least 96.
        width: filters of the first layer of all networks (64 in the paper).
        depth_width: of the depth network and D_f; None is `width`.
        depth_backbone: T's encoder, `"t2net"` or `"efficientnet_lite0"`, of which the zoo has
            ImageNet weights: call `start_from` before `fit`.
        depth_batch_norm: True trains the batch normalisation of EfficientNet-Lite0, which None
            keeps as it is.
        generator: G, `"t2net"` (paper) or `"affine"`, which starts as the identity and changes
            light and colour alone (`networks.affine_generator`), so that bare walls stay bare.
        downsamplings: of the paper's G, 2 or 1.
        blocks: residual blocks of G.
        residual: the paper's G starts as the identity (`networks.t2net_translator`).
        max_depth: metres that T can say: 8 indoor, 80 outdoor; farther counts as that.
        discriminator: what judges images, `"patch"` (paper), `"projected"`, frozen ImageNet
            features with light heads, or `"both"`.
        judge: settings of the projected one, see `ProjectedJudge`: `{"taps": 2}`.
        backbone: its features, as `CycleGAN(backbone=...)`.
        lambda_projected: weight of the projected discriminator in G's loss.
        lambda_reconstruction: weight of `reconstruction`, |G(x_r) - x_r|_1.
        lambda_task: weight of `task`, L_t.
        lambda_feature: weight of `gan_feature`.
        lambda_smoothness: weight of `smoothness`, L_s.
        smoothness_order: which scale weighs most in L_s, see `losses.depth.smoothness_loss`.
        feature_discriminator: `"free"` judges the mean over cells, images may have any size;
            `"clipped"` (the code) is fully connected, for `image_size` alone, and its weights are
            clipped to +-0.01 after each move.
        discriminators_every: D and D_f move at each that-many-th step.
        pool_size: images in the history of D; 0 switches it off.
        learning_rate: of Adam for G and the discriminators (a tenth of the usual GAN's).
        depth_learning_rate: of Adam for T; EfficientNet-Lite0 moves at a tenth of it.
        decay_steps: `(constant, linear)`: steps at those rates, then steps in which they fall to
            0; the code's are those of 6 and 4 epochs (outdoor 10 and 10). None keeps the rates.
        seed: of the history.
    """

    required_keys = {"synthetic": ("image", "depth_m"), "real": ("image",)}
    not_saved = ("backbone",)

    def __init__(
        self,
        *,
        image_size=(192, 256),
        width: PositiveInt = 64,
        depth_width: PositiveInt | None = None,
        depth_backbone: str = BACKBONES[0],
        depth_batch_norm: bool | None = None,
        generator: Literal["t2net", "affine"] = "t2net",
        downsamplings: Literal[1, 2] = 2,
        blocks: NonNegativeInt = 7,
        residual: bool = False,
        max_depth: PositiveFloat = 8.0,
        discriminator: str = "patch",
        judge: dict[str, Any] | None = None,
        backbone: keras.Model | None = None,
        lambda_projected: NonNegativeFloat = 1.0,
        lambda_reconstruction: NonNegativeFloat = 100.0,
        lambda_task: NonNegativeFloat = 100.0,
        lambda_feature: NonNegativeFloat = 0.1,
        lambda_smoothness: NonNegativeFloat = 0.1,
        smoothness_order: Order = "coarse_first",
        feature_discriminator: Literal["free", "clipped"] = "free",
        discriminators_every: PositiveInt = 5,
        pool_size: NonNegativeInt = 20,
        learning_rate: NonNegativeFloat = 5e-5,
        depth_learning_rate: NonNegativeFloat = 1e-4,
        decay_steps: tuple[NonNegativeInt, NonNegativeInt] | None = None,
        seed: int | None = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        height, image_width = self.image_size = height_and_width(image_size)
        self.declare_judge(discriminator, judge, backbone)
        check_size(self.image_size)
        self.every = discriminators_every
        self.clipped = feature_discriminator == "clipped"
        self.pool_size, self.seed = pool_size, seed
        self.rates, self.decay_steps = (learning_rate, depth_learning_rate), decay_steps

        depth_width = depth_width or width
        cells = (height // STRIDE, image_width // STRIDE) if self.clipped else None
        if generator == "affine":
            self.stride = 8
            self.translator = affine_generator(width=width, blocks=blocks, name="translator")
        else:
            self.stride = 2**downsamplings
            self.translator = t2net_translator(
                width=width, downsamplings=downsamplings, blocks=blocks, residual=residual
            )
        self.declare_depth(
            max_depth,
            smoothness_order,
            width=depth_width,
            backbone=depth_backbone,
            batch_norm=depth_batch_norm,
        )
        self.discriminator_image = t2net_image_discriminator(width=width) if self.patches else None
        self.discriminator_feature = t2net_feature_discriminator(
            cells=cells, channels=8 * depth_width
        )

        images = keras.Input((None, None, 3), name="images")
        self.inference_network = keras.Model(images, self.translator(images), name="refiner")
        self.keep_with_depth(images)
        weights = {
            "reconstruction": lambda_reconstruction,
            "task": lambda_task,
            "gan_feature": lambda_feature,
            "smoothness": lambda_smoothness,
            "discriminator_feature": 1.0,
        }
        if self.patches:
            weights |= {"gan_image": 1.0, "discriminator_image": 1.0}
        if self.projected:
            weights |= {"projected": lambda_projected, "discriminator_projected": 1.0}
        self.track_losses(weights)
        self.built = True

    @classmethod
    def indoor(cls, **settings):
        """T2Net for rooms up to 8 m: SUNCG to NYUv2; code of September 2018 (94a9f1a).

        `settings` change single arguments.
        """
        return cls(**{"lambda_reconstruction": 40.0, "lambda_task": 20.0, **settings})

    @classmethod
    def outdoor(cls, **settings):
        """T2Net for streets up to 80 m: Virtual KITTI to KITTI; code of August 2018 (bd322e4)."""
        scene = {"image_size": (192, 640), "max_depth": 80.0, "lambda_feature": 1.0}
        network = {"downsamplings": 1, "blocks": 5, "discriminators_every": 1, "pool_size": 0}
        return cls(**{**scene, **network, **settings})

    def call(self, inputs, training=False):
        """Refines: float `[B, H, W, 3]` in [-1, 1] to the same; sides multiples of `stride`."""
        images, _ = unpack(inputs)
        return self.translator(images, training=training)

    # ---- the game

    def players(self):
        """G, T and the discriminators."""
        judges = {
            "discriminator_image": (self.discriminator_image,) if self.patches else (),
            "judge": self.judge.networks if self.judge else (),
        }
        return {
            "translator": Player((self.translator,)),
            "depth": Player((self.depth_network,)),
            **{name: Player(networks) for name, networks in judges.items() if networks},
            "discriminator_feature": Player(
                (self.discriminator_feature,), clip_weights=0.01 if self.clipped else None
            ),
        }

    def turns(self):
        """G and T at each step, then, rarely, D and D_f on what G and T just made.

        The three routes of the paper: L_GAN and the reconstruction train G, the task and the
        feature loss train G and T, smoothness trains T. The first two share one objective, since
        T has no part in L_GAN and the reconstruction; L_s sees the raw photo, in which G has none.
        """
        g, t = self.translator, self.depth_network
        judges = sum((p.networks for p in list(self.players().values())[2:]), ())
        return [
            Turn((Objective(self.synthetic_loss, (g, t)), Objective(self.real_loss, (t,)))),
            Turn((Objective(self.discriminator_loss, judges),), every=self.every),
        ]

    def default_optimizers(self):
        """Adam with the code's rates and betas; discriminators decay by their own, rarer, steps."""
        rate, depth_rate = self.rates

        def adam(rate, beta_1, beta_2, every=1):
            rate = decayed(rate, self.decay_steps, every)
            return slow_backbone(rate, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8)

        optimizers = {
            "translator": adam(rate, 0.5, 0.9),
            "depth": adam(depth_rate, 0.95, 0.999),
            "discriminator_feature": adam(rate, 0.5, 0.9, self.every),
        }
        if self.patches:
            optimizers["discriminator_image"] = adam(rate, 0.5, 0.9, self.every)
        if self.judge:
            optimizers["judge"] = self.judge.optimizer(
                lambda rate: decayed(rate, self.decay_steps, self.every)
            )
        return optimizers

    def prepare_training(self):
        """Makes the history of D, and the judge."""
        self.pool = ImagePool(self.pool_size, self.seed, name="pool_refined")
        self.pool.build((None, *self.image_size, 3))
        self.prepare_judge()

    def synthetic_loss(self, batch, outputs):
        """L_GAN, reconstruction, L_t and the feature loss of G([x_s; x_r]) and T(G(x_s))."""
        synthetic, real = batch["synthetic"]["image"], batch["real"]["image"]
        training, count = outputs["training"], ops.shape(synthetic)[0]
        translated = self.translator(ops.concatenate([synthetic, real]), training=training)
        refined, rebuilt = translated[:count], translated[count:]
        features, *maps = self.depth_network(refined, training=training)
        terms = {
            "reconstruction": l1_loss(rebuilt, real),
            "task": depth_task_loss(maps, batch["synthetic"]["depth_m"], self.max_depth),
            "gan_feature": lsgan_generator_loss(
                self.discriminator_feature(features, training=training)
            ),
        }
        if self.patches:
            logits = self.discriminator_image(refined, training=training)
            terms["gan_image"] = lsgan_generator_loss(logits)
        if self.judge:
            terms["projected"] = self.judge.generator_loss("real", *self.look([refined], outputs))
        if self.pool_size and training:  # at each step, as in the code, though D moves rarely
            refined = self.pool(ops.stop_gradient(refined))
        return terms, {"refined": refined, "features_refined": features}

    def real_loss(self, batch, outputs):
        """L_s of T(x_r), on the raw photo."""
        real = batch["real"]["image"]
        features, *maps = self.depth_network(real, training=outputs["training"])
        loss = smoothness_loss(maps, real, self.smoothness_order)
        return {"smoothness": loss}, {"features_real": features}

    def discriminator_loss(self, batch, outputs):
        """D tells photos from refined images, D_f their features."""
        training = outputs["training"]

        def tell(discriminator, true, fake):
            judge = (discriminator(x, training=training) for x in (true, fake))
            return lsgan_discriminator_loss(*judge)

        images = (batch["real"]["image"], outputs["refined"])
        features = (outputs["features_real"], outputs["features_refined"])
        terms = {"discriminator_feature": tell(self.discriminator_feature, *features)}
        if self.patches:
            terms["discriminator_image"] = tell(self.discriminator_image, *images)
        if self.judge:
            terms["discriminator_projected"] = self.judge.discriminator_loss(
                "real", *self.look(images, outputs), training
            )
        return terms, {}
