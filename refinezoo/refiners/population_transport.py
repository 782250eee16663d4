"""Colours of renders moved onto those of photos as a population; it learns nothing.

    s' = m_real + (s - m) d_real / d

s is a statistic of an image (mean or deviation of R, G or B), m and d its mean and deviation over
all renders, m_real and d_real those over the photos. Reinhard et al. 2001 give each image the
statistics of one photo; that the renders keep their differences is ours.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from refinezoo.layers.colour import ColourTransport
from refinezoo.models.registry import register
from refinezoo.refiners.refiner import ColourTransfer


@register
class PopulationTransport(ColourTransfer):
    """Moves the renders' colour statistics, as a population, onto those of real photos.

    The objects of each render keep more of their own colours than under `Reinhard`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.refine_by(ColourTransport(name="colour"), "population_transport")

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
