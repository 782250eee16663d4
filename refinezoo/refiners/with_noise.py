"""Refiners whose generator sees noise beside the image."""

import keras
from keras import ops

from refinezoo.layers import PixelNoise
from refinezoo.refiners.refiner import unpack


class WithNoise:
    """Mixin, before `Refiner`; the model has a `generator` G(x, z).

    z is drawn from a hash of the image and the seed, also in an exported model; in training at
    random. `declare_noise` comes in the constructor.
    """

    def declare_noise(self, dimensions, seed):
        """Makes what draws z of so many dimensions; 0 is a G without."""
        self.noise_dimensions = dimensions
        self.pixel_noise = PixelNoise(dimensions, name="pixel_noise") if dimensions else None
        self.random = keras.random.SeedGenerator(seed)
        self.random_state = self.random.state  # as a weight it is checkpointed

    def call(self, inputs, training=False):
        """Refines: float `[B, H, W, 3 or 4]` in [-1, 1] to the same."""
        images, seed = unpack(inputs)
        return self.refined(images, self.pixel_noise and self.pixel_noise(images, seed), training)

    def refined(self, images, noise=None, training=False):
        """G(x, z); `noise` float `[B, noise_dimensions]` in (-1, 1), None for a G without."""
        inputs = [images, noise] if self.noise_dimensions else images
        return self.generator(inputs, training=training)

    def draw_noise(self, images):
        """z for each image, uniform in (-1, 1); None for a G without noise."""
        if not self.noise_dimensions:
            return None
        count = images.shape[0] or ops.shape(images)[0]
        return keras.random.uniform((count, self.noise_dimensions), -1.0, 1.0, seed=self.random)
