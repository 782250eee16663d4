"""CycleGAN (Zhu et al. 2017, arXiv 1703.10593), the refiner of GeneSIS-RT (Stein & Roy 2018).

    min_{G,F} max_{D}  L_GAN(G, D_real) + L_GAN(F, D_synthetic)
                       + lambda_cycle    [ |F(G(x)) - x|_1 + |G(F(y)) - y|_1 ]
                       + lambda_identity lambda_cycle [ |G(y) - y|_1 + |F(x) - x|_1 ]

x synthetic, y real, G: synthetic -> real, F: real -> synthetic; least-squares GAN, history pool.
"""

import keras
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers import ImagePool
from refinezoo.layers.colour import colour_layer
from refinezoo.losses.adversarial import lsgan_discriminator_loss, lsgan_generator_loss
from refinezoo.losses.cycle import l1_loss
from refinezoo.models.registry import register
from refinezoo.networks import affine_generator, patch_discriminator, resnet_generator
from refinezoo.refiners.refiner import Refiner, unpack
from refinezoo.refiners.reinhard import no_seed
from refinezoo.training import AlternatingModel, ConstantThenLinear, Objective, Player, Turn


@register
class CycleGAN(Refiner, AlternatingModel):
    """Unpaired image translation with cycle consistency.

    Training batch: `{"synthetic": {"image"}, "real": {"image"}}`, uint8 `[B, H, W, 3]`.

    Args:
        image_size: side of the training images, pixels (the history pool holds such images).
        generator: `"resnet"` (paper) or `"affine"` (`affine_generator`: light and colour alone).
        width: filters of the generators' first layer (64 in the paper).
        blocks: residual blocks (9 from 256 px up, 6 for 128 px).
        upsampling: of `"resnet"`, `"deconv"` (paper) or `"resize"` (no checkerboard).
        residual: G adds its output to the render (not in the paper).
        colour: what a render goes through before G (not in the paper), so that G need not learn
            the light of the photos: None, `"match"` (`ColourMatch`: the statistics of a random
            photo) or `"transport"` (`ColourTransport`); `adapt` fills it.
        colour_photos: photos that `"match"` draws from.
        discriminator_width: filters of the discriminators' first layer; None is `width`.
        discriminator_layers: their strided layers: 3 judge patches of 70 px (paper), 2 of 34 px.
        normalised: instance norm in all networks (paper). It hides from discriminators how sharp a
            picture is, and small generators were seen to grow bright spots to steer it.
        lambda_cycle: weight of the cycle-consistency loss.
        lambda_identity: weight of the identity loss, as a share of `lambda_cycle`.
        pool_size: images in each discriminator's history.
        learning_rate: of Adam with beta_1 0.5 in `compile()`.
        decay_steps: `(constant, linear)`: steps at that rate, then steps in which it falls to 0;
            the paper's are those of 100 epochs each. None keeps the rate.
        ema_decay: 0, or the decay of a running mean of G's weights, which then refines.
        seed: of the history pools.
    """

    stride = 4

    def __init__(
        self,
        *,
        image_size=256,
        generator="resnet",
        width=64,
        blocks=9,
        upsampling="deconv",
        residual=False,
        colour=None,
        colour_photos=256,
        discriminator_width=None,
        discriminator_layers=3,
        normalised=True,
        lambda_cycle=10.0,
        lambda_identity=0.5,
        pool_size=50,
        learning_rate=2e-4,
        decay_steps=None,
        ema_decay=0.0,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_size, self.pool_size, self.seed = image_size, pool_size, seed
        self.learning_rate, self.decay_steps = learning_rate, decay_steps
        self.ema_decay = ema_decay

        if generator not in ("resnet", "affine"):
            raise RefinezooError(
                f"expected generator 'resnet' or 'affine', received {generator!r}."
            )
        if generator == "affine":
            self.stride = 8

        def make_generator(name):
            if generator == "affine":
                return affine_generator(width=width, blocks=blocks, name=name)
            return resnet_generator(
                width=width,
                blocks=blocks,
                upsampling=upsampling,
                residual=residual,
                normalised=normalised,
                name=name,
            )

        self.generator_s2r = make_generator("generator_s2r")
        self.generator_r2s = make_generator("generator_r2s")

        def discriminator(name):
            return patch_discriminator(
                width=discriminator_width or width,
                layers_strided=discriminator_layers,
                normalised=normalised,
                name=name,
            )

        self.discriminator_real = discriminator("discriminator_real")
        self.discriminator_synthetic = discriminator("discriminator_synthetic")
        self.generator_mean = None
        if ema_decay:
            self.generator_mean = make_generator("generator_mean")
            self.generator_mean.trainable = False
            self.generator_mean.set_weights(self.generator_s2r.get_weights())
        self.colour = colour_layer(colour, colour_photos) if colour else None

        images = x = keras.Input((None, None, 3), name="images")
        if self.colour:
            x = self.colour(images, no_seed(images))
        refined = (self.generator_mean or self.generator_s2r)(x)
        self.inference_network = keras.Model(images, refined, name="refiner")
        self.track_losses(
            {
                "adversarial_s2r": 1.0,
                "adversarial_r2s": 1.0,
                "cycle": lambda_cycle,
                "identity": lambda_cycle * lambda_identity,
                **self.extra_loss_weights(),
                "discriminator_real": 1.0,
                "discriminator_synthetic": 1.0,
            }
        )
        self.built = True

    def call(self, inputs, training=False):
        """Refines: float `[B, H, W, 3]` in [-1, 1] to the same; H and W multiples of 4."""
        images, seed = unpack(inputs)
        if self.colour:
            images = self.colour(images, seed)
        return (self.generator_mean or self.generator_s2r)(images, training=training)

    def adapt(self, real_images, seed=0, renders=None):
        """Takes the colour statistics of real photos and, for `"transport"`, of renders.

        Both are iterables of uint8 `[H, W, 3]` RGB images, of any sizes.
        """
        if not self.colour:
            raise RefinezooError("expected colour='match' or 'transport' to adapt, received None.")
        self.colour.adapt(real_images, renders, seed)
        return self

    # ---- the game

    def players(self):
        """The two generators move together, then the two discriminators."""
        return {
            "generators": Player((self.generator_s2r, self.generator_r2s)),
            "discriminators": Player((self.discriminator_real, self.discriminator_synthetic)),
        }

    def turns(self):
        """Generators, then discriminators on the images just made, through the pools."""
        players = self.players()
        return [
            Turn((Objective(self.generator_loss, players["generators"].networks),)),
            Turn((Objective(self.discriminator_loss, players["discriminators"].networks),)),
        ]

    def default_optimizers(self):
        """Adam, beta_1 0.5, for each player."""
        rate = self.learning_rate
        if self.decay_steps:
            rate = ConstantThenLinear(rate, *self.decay_steps)
        return {
            player: keras.optimizers.Adam(rate, beta_1=0.5, epsilon=1e-8)
            for player in self.players()
        }

    def prepare_training(self):
        """Makes the history pools."""
        shape = (None, self.image_size, self.image_size, 3)
        self.pools = [
            ImagePool(self.pool_size, self.seed + i, name=f"pool_{half}")
            for i, half in enumerate(("refined", "unrefined"))
        ]
        for pool in self.pools:
            pool.build(shape)

    def generator_loss(self, batch, outputs):
        """L_GAN both ways, cycle and identity; puts out the refined and unrefined images."""
        x, y = batch["synthetic"]["image"], batch["real"]["image"]
        if self.colour:
            x = self.colour(x, batch["seed"])
        refined = self.generator_s2r(x, training=True)
        unrefined = self.generator_r2s(y, training=True)
        back_x = self.generator_r2s(refined, training=True)
        back_y = self.generator_s2r(unrefined, training=True)
        terms = {
            "adversarial_s2r": lsgan_generator_loss(self.discriminator_real(refined)),
            "adversarial_r2s": lsgan_generator_loss(self.discriminator_synthetic(unrefined)),
            "cycle": l1_loss(back_x, x) + l1_loss(back_y, y),
        }
        if self.loss_weights["identity"]:
            terms["identity"] = l1_loss(self.generator_s2r(y, training=True), y) + l1_loss(
                self.generator_r2s(x, training=True), x
            )
        made = {
            "x": x,
            "y": y,
            "refined": refined,
            "unrefined": unrefined,
            "back_x": back_x,
            "back_y": back_y,
        }
        terms |= self.extra_losses_of(batch, made)
        return terms, {"x": x, "refined": refined, "unrefined": unrefined}

    def extra_loss_weights(self):
        """Loss terms that a variant adds, name -> lambda."""
        return {}

    def extra_losses_of(self, batch, made):
        """Values of the terms of `extra_loss_weights`, from the images of `generator_loss`."""
        return {}

    def discriminator_loss(self, batch, outputs):
        """Each discriminator tells its domain from the pooled images of a generator."""
        refined, unrefined = outputs["refined"], outputs["unrefined"]
        if self.pool_size and outputs["training"]:
            refined, unrefined = self.pools[0](refined), self.pools[1](unrefined)

        def tell(discriminator, true, fake):
            return lsgan_discriminator_loss(discriminator(true), discriminator(fake))

        return {
            "discriminator_real": tell(self.discriminator_real, batch["real"]["image"], refined),
            "discriminator_synthetic": tell(self.discriminator_synthetic, outputs["x"], unrefined),
        }, {}

    def check_batch(self, data):
        """As the base class; also the size, and a seed for the draw of colours."""
        batch = super().check_batch(data)
        for half in ("synthetic", "real"):
            shape = batch[half]["image"].shape
            if tuple(shape[1:]) != (self.image_size, self.image_size, 3):
                raise RefinezooError(
                    f"expected {half} images [B, {self.image_size}, {self.image_size}, 3], "
                    f"received {list(shape)}. Set image_size of the data or of "
                    f"{type(self).__name__}(image_size=...)."
                )
        if self.colour:
            count = ops.shape(batch["synthetic"]["image"])[0]
            step = ops.cast(self.optimizer.iterations, "int32") if self.optimizer else 0
            batch["seed"] = ops.arange(count, dtype="int32") + step
        return batch

    def after_step(self):
        """Moves the running mean of G towards G; faster in the first steps."""
        if self.generator_mean is None:
            return
        step = ops.cast(self.optimizer.iterations, "float32")
        decay = ops.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        weights = self.generator_s2r.variables
        for mean, weight in zip(self.generator_mean.variables, weights, strict=True):
            mean.assign(decay * mean.value + (1.0 - decay) * weight.value)
