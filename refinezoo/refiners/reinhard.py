"""Colour transfer (Reinhard et al. 2001): the baseline that learns nothing."""

from pydantic import PositiveInt

from refinezoo.errors import RefinezooError
from refinezoo.layers.colour import ColourMatch
from refinezoo.models.registry import register
from refinezoo.refiners.refiner import ColourTransfer
from refinezoo.renames import old_name_used


@register
class Reinhard(ColourTransfer):
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

    def __init__(self, *, photos: PositiveInt = 256, colour=None, **kwargs):
        super().__init__(**kwargs)
        self.refine_by(ColourMatch(photos, name="colour"), "reinhard")

    def adapt(self, real_images, seed=0, renders=None):
        """Takes the statistics of real photos.

        Args:
            real_images: iterable of uint8 `[H, W, 3]`, RGB, of any sizes.
            seed: of the choice of `photos` among them.
            renders: not used.
        """
        self.colour.adapt(real_images, seed=seed)
        return self
