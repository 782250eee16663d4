"""Colours of renders moved onto those of photos, objects and the rest each by themselves.

    s_r' = m_real,r + (s_r - m_r) d_real,r / d_r

`PopulationTransport` with r = object or background: s_r is a statistic (mean or deviation of R, G
or B) of an image under its mask, m_r and d_r its mean and deviation over all renders. It learns
nothing. What held objects have less of light than the shelf behind them, a statistic of the whole
image cannot see.
"""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from refinezoo.layers.region_colour import RegionColours
from refinezoo.models.registry import register
from refinezoo.refiners.kind import MASKED_REFINER
from refinezoo.refiners.refiner import Refiner
from refinezoo.refiners.with_mask import WithMask, checked_mask, image_and_mask, masked_input


@register
class RegionTransport(WithMask, Refiner):
    """Moves colours as `PopulationTransport` does: objects to objects, background to background.

    `refine` takes `foreground_mask`; of a dataset `refine_dataset` reads them beside the renders.
    """

    kind = MASKED_REFINER

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.colour = RegionColours(name="colour")
        inputs = masked_input()
        outputs = self.colour(*image_and_mask(inputs))
        self.inference_network = keras.Model(inputs, outputs, name="region_transport")
        self.built = True

    def adapt(
        self,
        real_images: Iterable[tuple[np.ndarray, np.ndarray]],
        seed: int = 0,
        renders: Iterable[tuple[np.ndarray, np.ndarray]] | None = None,
    ) -> "RegionTransport":
        """Takes the statistics of both.

        Args:
            real_images: iterable of pairs: uint8 `[H, W, 3]`, RGB, of any sizes, and the mask
                `[H, W]` or `[H, W, 1]` from 0 to 1, 1 = object. `refinezoo.data.images_and_masks`
                reads them.
            seed: not used: nothing is drawn.
            renders: iterable of the same kind.

        Raises:
            RefinezooError: there are no photos or no renders, an image is no such pair, or one
                of the two regions is in none of them.
        """
        self.colour.adapt(_checked(real_images), _checked(() if renders is None else renders))
        return self

    def call(self, inputs, training=False):
        """Float `[B, H, W, 4]`, RGB in [-1, 1] and mask, to RGB in [-1, 1]."""
        return self.colour(*image_and_mask(inputs))


def _checked(pairs: Iterable[Any]) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    for pair in pairs:
        image, mask = pair if isinstance(pair, (tuple, list)) and len(pair) == 2 else (pair, None)
        yield image, checked_mask(mask, image)
