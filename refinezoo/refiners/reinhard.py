"""Colour transfer (Reinhard et al. 2001): the baseline that learns nothing."""

import keras

from refinezoo.errors import RefinezooError
from refinezoo.layers.colour import ColourMatch
from refinezoo.models.registry import register
from refinezoo.refiners.refiner import Refiner, no_seed, unpack
from refinezoo.renames import old_name_used


@register
class Reinhard(Refiner):
    """Gives each render the colour statistics of a random real photo.

    Per channel of L*a*b*: (x - mean) * deviation_real / deviation + mean_real.

    Args:
        photos: number of real photos whose statistics are kept; `adapt` fills them.
        colour: had two values; `"transport"` is the class `PopulationTransport` now.
    """

    not_saved = ("colour",)

    def __new__(cls, *args, colour=None, **kwargs):
        """Makes a `PopulationTransport` where that was asked for by its old name."""
        if colour == "transport":
            from refinezoo.refiners.population_transport import PopulationTransport

            old_name_used('Reinhard(colour="transport")', "PopulationTransport()")
            kwargs.pop("photos", None)  # which it never used
            return PopulationTransport(**kwargs)
        if colour not in (None, "match"):
            raise RefinezooError(f"expected Reinhard without colour, received colour={colour!r}.")
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *, photos=256, colour=None, **kwargs):
        super().__init__(**kwargs)
        self.colour = ColourMatch(photos, name="colour")
        images = keras.Input((None, None, 3), name="images")
        self.inference_network = keras.Model(
            images, self.colour(images, no_seed(images)), name="reinhard"
        )
        self.built = True

    def adapt(self, real_images, seed=0, renders=None):
        """Takes the statistics of real photos.

        Args:
            real_images: iterable of uint8 `[H, W, 3]`, RGB, of any sizes.
            seed: of the choice of `photos` among them.
            renders: not used.
        """
        self.colour.adapt(real_images, seed=seed)
        return self

    def call(self, inputs, training=False):
        """Float `[B, H, W, 3]` in [-1, 1] to the same."""
        images, seed = unpack(inputs)
        return self.colour(images, seed)
