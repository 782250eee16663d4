"""What refines of a CycleGAN: a layer of colours, if it has one, then G or its running mean."""

from collections.abc import Callable

import keras
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers.colour import colour_layer
from refinezoo.refiners.refiner import Refiner, no_seed, unpack


class RefinesByMean(Refiner):
    """A refiner with a `generator_s2r`; `refine_by` comes in the constructor."""

    stride = 4
    generator_s2r: keras.Model

    def refine_by(
        self,
        make_generator: Callable[..., keras.Model],
        ema_decay: float,
        colour: str | None,
        colour_photos: int,
    ) -> None:
        """Makes `inference_network`; the arguments are CycleGAN's."""
        self.ema_decay, self.generator_mean = ema_decay, None
        if ema_decay:
            self.generator_mean = make_generator(name="generator_mean")
            self.generator_mean.trainable = False
            self.generator_mean.set_weights(self.generator_s2r.get_weights())
        self.colour = colour_layer(colour, colour_photos) if colour else None
        images = x = keras.Input((None, None, 3), name="images")
        if self.colour:
            x = self.colour(images, no_seed(images))
        refined = (self.generator_mean or self.generator_s2r)(x)
        self.inference_network = keras.Model(images, refined, name="refiner")

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

    def start_from_inference(self):
        """G goes on from its running mean."""
        if self.generator_mean is None:
            return ()
        self.generator_s2r.set_weights(self.generator_mean.get_weights())
        return (self.generator_s2r.name,)

    def after_step(self):
        """Moves the running mean of G towards G; faster in the first steps."""
        if self.generator_mean is None:
            return
        step = ops.cast(self.optimizer.iterations, "float32")
        decay = ops.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        weights = self.generator_s2r.variables
        for mean, weight in zip(self.generator_mean.variables, weights, strict=True):
            mean.assign(decay * mean.value + (1.0 - decay) * weight.value)
