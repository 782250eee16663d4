"""Colour statistics of the regions of renders and photos, kept as weights."""

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers.colour import transported

REGIONS = ("object", "background")
_LEAST = 16  # pixels of a region, for its statistics to count among others


@keras.saving.register_keras_serializable("refinezoo")
class RegionColours(keras.layers.Layer):
    """`ColourTransport` of objects and of background, each by its own two populations.

    Args:
        least, most: bounds of the gain of a region's deviation.
    """

    def __init__(self, least=0.25, most=3.0, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.least, self.most = least, most

    def build(self, *shapes):
        # Per region the rows of `ColourTransport`. Unadapted, it changes nothing.
        self.populations = self.add_weight(
            name="populations", shape=(2, 4, 6), initializer="ones", trainable=False
        )
        self.built = True

    def adapt(self, photos, renders):
        """Takes the statistics of both: pairs of uint8 `[H, W, 3]` and float `[H, W, 1]`.

        Raises:
            RefinezooError: no photos or no renders, or a region that none of them shows.
        """
        parts = [[region_statistics(*pair) for pair in part] for part in (renders, photos)]
        if not all(parts):
            raise RefinezooError(
                "expected renders and photos to transport colours between, received "
                f"{len(parts[0])} renders and {len(parts[1])} photos. Call "
                "adapt(photos, renders=renders), both pairs of image and mask."
            )
        rows = []
        for number, region in enumerate(REGIONS):
            for name, part in zip(("renders", "photos"), parts, strict=True):
                seen = [each[number] for each in part if each[number] is not None]
                if not seen:
                    raise RefinezooError(
                        f"expected {region} under the masks of some of the {len(part)} {name}, "
                        f"received none of {_LEAST} pixels or more. Masks are 1 on objects, 0 "
                        "beside them; without such masks use PopulationTransport."
                    )
                rows += [np.mean(seen, axis=0), np.std(seen, axis=0)]
            rows[-3] = np.maximum(rows[-3], 1e-3)  # the deviation of the renders divides
        self.populations.assign(np.stack(rows).reshape(2, 4, 6))

    def call(self, images, masks):
        """Float `[B, H, W, 3]` in [-1, 1] and `[B, H, W, 1]` in [0, 1], 1 = object, to images."""
        moved = [
            self.moved(images, weights, self.populations[number])
            for number, weights in enumerate((masks, 1.0 - masks))
        ]
        return ops.clip(masks * moved[0] + (1.0 - masks) * moved[1], -1.0, 1.0)

    def moved(self, images, weights, populations):
        """Images as their region of these weights would have them; finite where it is empty."""
        area = ops.maximum(ops.sum(weights, axis=(1, 2), keepdims=True), 1e-6)
        mean = ops.sum(images * weights, axis=(1, 2), keepdims=True) / area
        variance = ops.sum(ops.square(images - mean) * weights, axis=(1, 2), keepdims=True) / area
        deviation = ops.sqrt(variance)
        return transported(images, mean, deviation, populations, self.least, self.most)

    def compute_output_shape(self, images_shape, *_):
        return images_shape

    def get_config(self):
        return {**super().get_config(), "least": self.least, "most": self.most}


def region_statistics(image, mask):
    """Mean and deviation of R, G and B in [-1, 1], of object and of background: 6 floats each.

    Args:
        image: uint8 `[H, W, 3]`.
        mask: float `[H, W, 1]` from 0 to 1.

    Returns:
        None in place of the 6 floats where a region has fewer than 16 pixels.
    """
    pixels = image.reshape(-1, 3).astype("float32") / 127.5 - 1.0
    inside = np.reshape(mask, -1).astype("float32")
    found = []
    for weights in (inside, 1.0 - inside):
        if weights.sum() < _LEAST:
            found.append(None)
            continue
        mean = np.average(pixels, axis=0, weights=weights)
        variance = np.average((pixels - mean) ** 2, axis=0, weights=weights)
        found.append(np.concatenate([mean, np.sqrt(variance)]))
    return found
