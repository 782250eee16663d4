"""Colour transfer (Reinhard et al. 2001): the baseline that learns nothing."""

import keras
from keras import ops

from refinezoo.layers.colour import colour_layer
from refinezoo.models.registry import register
from refinezoo.refiners.refiner import Refiner, unpack


@register
class Reinhard(Refiner):
    """Gives each render the colour statistics of a random real photo.

    Per channel of L*a*b*: (x - mean) * deviation_real / deviation + mean_real.

    Args:
        photos: number of real photos whose statistics are kept; `adapt` fills them.
        colour: `"match"`, as said; `"transport"` moves the renders' statistics as a population
            instead, so that the goods of each keep more of their own colours (`ColourTransport`;
            ours, not Reinhard's).
    """

    def __init__(self, *, photos=256, colour="match", **kwargs):
        layer = colour_layer(colour, photos)
        super().__init__(**kwargs)
        self.colour = layer
        images = keras.Input((None, None, 3), name="images")
        self.inference_network = keras.Model(
            images, self.colour(images, no_seed(images)), name="reinhard"
        )
        self.built = True

    def adapt(self, real_images, seed=0, renders=None):
        """Takes the statistics of real photos and, for `"transport"`, of renders.

        Args:
            real_images: iterable of uint8 `[H, W, 3]`, RGB, of any sizes.
            seed: of the choice of `photos` among them.
            renders: iterable of the same kind.
        """
        self.colour.adapt(real_images, renders, seed)
        return self

    def call(self, inputs, training=False):
        """Float `[B, H, W, 3]` in [-1, 1] to the same."""
        images, seed = unpack(inputs)
        return self.colour(images, seed)


class Zeros(keras.layers.Layer):
    """An int32 zero per image: the seed of an exported network."""

    def call(self, images):
        return ops.zeros((ops.shape(images)[0],), "int32")

    def compute_output_spec(self, images):
        return keras.KerasTensor((images.shape[0],), "int32")


keras.saving.register_keras_serializable("refinezoo")(Zeros)


def no_seed(images):
    """Seed 0 for each image of a functional model's input."""
    return Zeros(name="no_seed")(images)
