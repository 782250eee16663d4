"""PixelDA (Bousmalis et al. 2017, arXiv 1612.05424): refine and learn the task at once.

    min_{G,T} max_D  alpha L_d + beta L_t + gamma L_c

    L_d = E log D(y) + E log(1 - D(G(x, z)))
    L_t = E[-log T(G(x, z))_label - log T(x)_label]  (+ xi log(1 - |<q, q_hat>|) of both, for poses)
    L_c = E[(1/k) |(x - G) m|^2 - (1/k^2) ((x - G)^T m)^2]

x synthetic with label and, for poses, rotation q; y real, without; z noise; m foreground mask.
Weights and schedule are those of the official code, which gives alpha two values, one for D
(`domain`) and one for G (`style_transfer`), and takes steps of D and T, then of G.
"""

from typing import Literal

import keras
from keras import ops
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from refinezoo.config import Share
from refinezoo.data.image_size import side_of_square
from refinezoo.losses.adversarial import gan_discriminator_loss, gan_generator_loss
from refinezoo.losses.similarity import check_similarity, content_similarity
from refinezoo.models.arguments import ClassNames
from refinezoo.models.registry import register
from refinezoo.networks import pixelda_discriminator, pixelda_generator
from refinezoo.networks.pixelda_generators import takes_noise
from refinezoo.refiners.pixelda_task import TaskInside
from refinezoo.refiners.refiner import no_seed
from refinezoo.refiners.with_depth import WithDepth
from refinezoo.refiners.with_noise import WithNoise
from refinezoo.renames import renamed
from refinezoo.training import AlternatingModel, Objective, Player, Turn

DIGITS = tuple("0123456789")


@register
class PixelDA(TaskInside, WithNoise, WithDepth, AlternatingModel):
    """Unsupervised pixel-level domain adaptation: a refiner G and a task model T.

    Training batch: `{"synthetic": {"image", "label"[, "quaternion", "depth_m",
    "foreground_mask"]}, "real": {"image"[, "depth_m"]}}` with as many real as synthetic images:
    `image` uint8 `[B, S, S, 3]` RGB; `label` int `[B]`; `quaternion` float `[B, 4]` of length 1
    (w, x, y, z), with `quaternion=True`; `depth_m` float `[B, S, S, 1]`, metres, 0 = no surface,
    with `use_depth=True`; `foreground_mask` float `[B, S, S, 1]`, 1 = object, for
    `similarity="masked_mpse"` without depth.

    Losses are logged as `domain` (L_d of D), `class_synthetic`, `class_refined`,
    `quaternion_synthetic`, `quaternion_refined` (L_t of T), `style_transfer` (L_d of G),
    `task_in_g` (L_t of G) and `content_similarity` (L_c).

    `refine` takes any H and W. The noise channel is built for `image_size`: for other sizes its
    map is repeated, mirrored, and the rest of G is convolutional; T judges `image_size` alone.
    z is drawn from a hash of the image and the seed, also in an exported model; in training at
    random.

    Args:
        class_names: names of the K classes.
        image_size: side S of the training images, pixels.
        tower: T: mnist, svhn, gtsrb, pose_mini or doubling (`networks.task_tower`).
        quaternion: T also tells the rotation.
        use_depth: G and D see RGB and depth; refine with `refine_rgbd`.
        max_depth: depth of the far plane, metres; no surface counts as it.
        generator: resnet (paper), residual_interpretation, simple, dcgan or identity
            (`networks.pixelda_generator`).
        width, blocks, noise_dimensions: of G; `blocks` None is the official code's number.
        discriminator_width: filters of D's first layer; None is `width`.
        tower_width_multiplier: multiplies T's filters and units.
        tower_dropout: before T's heads; None is the official code's.
        private_layers: T's layers of its own for renders; None is the official code's number.
        lambda_domain, lambda_style_transfer, lambda_task_in_g: of L_d in D, L_d in G and L_t in G.
        lambda_quaternion: xi of renders and of refined images.
        similarity: L_c: masked_mpse (paper), mpse, mse, hinged_mse or hinged_mae.
        lambda_similarity: gamma; 0, the official default, switches L_c off.
        normalise_by: k of masked_mpse and mpse counts the `"image"` (paper) or the `"mask"`.
        learning_rate, decay_rate, decay_steps: of Adam with beta_1 0.5; the rate is multiplied by
            `decay_rate` every `decay_steps` moves, of which a training step has two.
        clip_norm: longest gradient of each variable; None clips none.
        seed: of the noise.
    """

    @renamed(
        domain_weight="lambda_domain",
        style_transfer_weight="lambda_style_transfer",
        task_in_g_weight="lambda_task_in_g",
        quaternion_weights="lambda_quaternion",
        similarity_weight="lambda_similarity",
        tower_width="tower_width_multiplier",
        max_depth_m="max_depth",
    )
    def __init__(
        self,
        *,
        class_names: ClassNames = DIGITS,
        image_size=32,
        tower: str = "mnist",
        quaternion: bool = False,
        use_depth: bool = False,
        max_depth: PositiveFloat = 2.0,
        generator: str = "resnet",
        width: PositiveInt = 64,
        blocks: NonNegativeInt | None = None,
        noise_dimensions: NonNegativeInt = 10,
        discriminator_width: PositiveInt | None = None,
        tower_width_multiplier: PositiveFloat = 1.0,
        tower_dropout: Share | None = None,
        private_layers: NonNegativeInt | None = None,
        lambda_domain: NonNegativeFloat = 0.135603587834,
        lambda_style_transfer: NonNegativeFloat = 0.0113173311334,
        lambda_task_in_g: NonNegativeFloat = 0.0100959947002,
        lambda_quaternion: tuple[NonNegativeFloat, NonNegativeFloat] = (0.25, 0.125),
        similarity: str = "masked_mpse",
        lambda_similarity: NonNegativeFloat = 0.0,
        normalise_by: Literal["image", "mask"] = "image",
        learning_rate: NonNegativeFloat = 1e-3,
        decay_rate: PositiveFloat = 0.95,
        decay_steps: PositiveInt = 20_000,
        clip_norm: NonNegativeFloat | None = 5.0,
        seed: int | None = 0,
        **kwargs,
    ):
        check_similarity(similarity)
        super().__init__(**kwargs)
        image_size = side_of_square(image_size, "T, the task model,")
        self.class_names, self.image_size = list(class_names), image_size
        self.quaternion, self.use_depth, self.max_depth = quaternion, use_depth, max_depth
        seen = noise_dimensions if takes_noise(generator, noise_dimensions) else 0
        self.declare_noise(seen, seed)
        channels = 4 if use_depth else 3

        self.generator = pixelda_generator(
            generator,
            image_size=image_size,
            channels=channels,
            width=width,
            blocks=blocks,
            noise_dimensions=noise_dimensions,
        )
        self.discriminator = pixelda_discriminator(
            image_size=image_size, channels=channels, width=discriminator_width or width
        )
        self.declare_task(
            tower,
            channels=channels,
            width_multiplier=tower_width_multiplier,
            private_layers=private_layers,
            dropout=tower_dropout,
        )
        self.labels_hold = generator != "dcgan"  # which never sees the render

        images = keras.Input((None, None, channels), name="images")
        refined = self.call({"images": images, "seed": no_seed(images)})
        self.inference_network = keras.Model(images, refined, name="refiner")
        self.keep_with_task(images, refined)

        needed = ["image", "label"] + ["quaternion"] * quaternion + ["depth_m"] * use_depth
        masked = similarity == "masked_mpse" and lambda_similarity and not use_depth
        self.required_keys = {
            "synthetic": (*needed, *["foreground_mask"] * bool(masked)),
            "real": ("image", *["depth_m"] * use_depth),
        }
        xi_synthetic, xi_refined = lambda_quaternion
        weights = {"domain": lambda_domain, "class_synthetic": 1.0}
        weights |= {"quaternion_synthetic": xi_synthetic} if quaternion else {}
        if self.labels_hold:
            weights |= {"class_refined": 1.0}
            weights |= {"quaternion_refined": xi_refined} if quaternion else {}
        if self.generator.trainable_variables:
            weights |= {"style_transfer": lambda_style_transfer}
            weights |= {"task_in_g": lambda_task_in_g} if self.labels_hold else {}
            weights |= {"content_similarity": lambda_similarity} if lambda_similarity else {}
        self.track_losses(weights)
        self.built = True

    # ---- the game

    discriminator_losses = ("domain",)

    def players(self):
        """D, T and, unless it is `identity`, G."""
        clip_norm = self.arguments["clip_norm"]
        players = {
            "discriminator": Player((self.discriminator,), clip_norm=clip_norm),
            "task": Player(self.tower.networks, clip_norm=clip_norm),
        }
        if self.generator.trainable_variables:
            players["generator"] = Player((self.generator,), clip_norm=clip_norm)
        return players

    def turns(self):
        """D and T move on images refined with one z, then G with another."""
        judges = (self.discriminator, *self.tower.networks)
        turns = [Turn((Objective(self.discriminator_and_task_loss, judges),))]
        if self.generator.trainable_variables:
            turns.append(Turn((Objective(self.generator_loss, (self.generator,)),)))
        return turns

    def default_optimizers(self):
        """Adam, beta_1 0.5, with the staircase decay."""
        settings = self.arguments
        rate = keras.optimizers.schedules.ExponentialDecay(
            settings["learning_rate"],
            max(1, settings["decay_steps"] // 2),
            settings["decay_rate"],
            staircase=True,
        )
        return {
            player: keras.optimizers.Adam(rate, beta_1=0.5, epsilon=1e-8)
            for player in self.players()
        }

    def discriminator_and_task_loss(self, batch, outputs):
        """L_d of D and L_t of T, on renders and on refined images."""
        training = outputs["training"]
        synthetic, x, y = batch["synthetic"], batch["x"], batch["y"]
        refined = ops.stop_gradient(self.refined(x, self.draw_noise(x), training))
        terms = {
            "domain": gan_discriminator_loss(
                self.discriminator(y, training=training),
                self.discriminator(refined, training=training),
            )
        }
        answers = {"synthetic": self.tower.private_synthetic(x)}
        if self.labels_hold:
            answers["refined"] = self.tower.private_real(refined)
        for domain, features in answers.items():
            task = self.task_losses(synthetic, self.tower.shared(features, training=training))
            terms |= {f"{name}_{domain}": value for name, value in task.items()}
        return terms, {}

    def generator_loss(self, batch, outputs):
        """L_d, L_t and L_c of G; the L_t of renders has no gradient to G and is left out."""
        training, x = outputs["training"], batch["x"]
        refined = self.refined(x, self.draw_noise(x), training)
        logits = self.discriminator(refined, training=training)
        terms = {"style_transfer": gan_generator_loss(logits)}
        if self.labels_hold:
            features = self.tower.private_real(refined)
            task = self.task_losses(
                batch["synthetic"], self.tower.shared(features, training=training)
            )
            terms["task_in_g"] = sum(
                task[name] * self.loss_weights[f"{name}_refined"] for name in task
            )
        if "content_similarity" in self.loss_weights:
            terms["content_similarity"] = content_similarity(
                self.arguments["similarity"],
                refined,
                x,
                mask=self.foreground(x, batch["synthetic"]),
                normalise_by=self.arguments["normalise_by"],
            )
        return terms, {"refined": refined}
