"""Colour transfer (Reinhard et al. 2001): the baseline that learns nothing."""

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers.colour import ColourMatch, photo_statistics
from refinezoo.refiners.refiner import Refiner, unpack


@keras.saving.register_keras_serializable("refinezoo")
class Reinhard(Refiner, keras.Model):
    """Gives each render the colour statistics of a random real photo.

    Per channel of L*a*b*: (x - mean) * deviation_real / deviation + mean_real.

    Args:
        photos: number of real photos whose statistics are kept; `adapt` fills them.
    """

    def __init__(self, *, photos=256, **kwargs):
        super().__init__(**kwargs)
        self.photos = photos
        self.colour = ColourMatch(photos, name="colour")
        images = keras.Input((None, None, 3), name="images")
        self.inference_network = keras.Model(
            images, self.colour(images, no_seed(images)), name="reinhard"
        )
        self.built = True

    def adapt(self, real_images, seed=0):
        """Takes the statistics of real photos.

        Args:
            real_images: iterable of uint8 `[H, W, 3]`, RGB, of any sizes.
            seed: of the choice of `photos` among them.
        """
        self.colour.statistics.assign(choose(map(photo_statistics, real_images), self.photos, seed))
        return self

    def call(self, inputs, training=False):
        """Float `[B, H, W, 3]` in [-1, 1] to the same."""
        images, seed = unpack(inputs)
        return self.colour(images, seed)

    def get_config(self):
        return {**super().get_config(), "photos": self.photos}


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


def choose(rows, count, seed):
    """`count` of the rows drawn by `seed`, each as often as possible; float32 `[count, ...]`.

    Raises:
        RefinezooError: when there is no row.
    """
    rows = np.asarray(list(rows), "float32")
    if not len(rows):
        raise RefinezooError("expected at least one real photo to adapt to, received none.")
    order = np.random.default_rng(seed).permutation(len(rows))
    return rows[np.resize(order, count)]
