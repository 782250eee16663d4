"""Colours of renders moved onto those of photos as a population; it learns nothing.

    s' = m_real + (s - m) d_real / d

s is a statistic of an image (mean or deviation of R, G or B), m and d its mean and deviation over
all renders, m_real and d_real those over the photos. Reinhard et al. 2001 give each image the
statistics of one photo; that the renders keep their differences is ours.
"""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from refinezoo.layers.colour import ColourTransport
from refinezoo.models.registry import register
from refinezoo.refiners.refiner import Refiner, no_seed, unpack


@register
class PopulationTransport(Refiner):
    """Moves the renders' colour statistics, as a population, onto those of real photos.

    The goods of each render keep more of their own colours than under `Reinhard`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.colour = ColourTransport(name="colour")
        images = keras.Input((None, None, 3), name="images")
        self.inference_network = keras.Model(
            images, self.colour(images, no_seed(images)), name="population_transport"
        )
        self.built = True

    def adapt(
        self,
        real_images: Iterable[np.ndarray],
        seed: int = 0,
        renders: Iterable[np.ndarray] | None = None,
    ) -> "PopulationTransport":
        """Takes the statistics of both.

        Args:
            real_images: iterable of uint8 `[H, W, 3]`, RGB, of any sizes.
            seed: not used: nothing is drawn.
            renders: iterable of the same kind.

        Raises:
            RefinezooError: there are no photos or no renders.
        """
        self.colour.adapt(real_images, renders, seed)
        return self

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Float `[B, H, W, 3]` in [-1, 1] to the same."""
        images, seed = unpack(inputs)
        return self.colour(images, seed)
