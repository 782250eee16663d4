"""What every refiner does, learned or not: uint8 images in, uint8 images of the same size out."""

import keras
import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.models.images import checked_images, pad_to_multiple


class Refiner:
    """Mixin of the refiners; a subclass is a `keras.Model` with

    * `inference_network`: functional model, float `[B, H, W, 3]` in [-1, 1] to the same; its
      weights are what a preset holds;
    * `stride`: H and W of that network must be multiples of it;
    * `call({"images", "seed"})`: the same with a seed `int32 [B]` for refiners that draw.
    """

    stride = 1

    def refine(self, images, strength=1.0, seed=None, batch_size=8):
        """Refines images; no pixel moves, the size stays.

        Args:
            images: uint8 `[B, H, W, 3]` or `[H, W, 3]`, RGB, any H and W of at least 1.
            strength: 0 returns the input, 1 the refined image, between them a blend.
            seed: for refiners that draw a real photo at random; the draw depends on the image and
                the seed alone, never on its neighbours in the batch. None is 0.
            batch_size: images per pass.

        Returns:
            uint8 of the same shape.

        Raises:
            RefinezooError: for another dtype, shape or strength.
        """
        single, stack = np.ndim(images) == 3, checked_images(images)
        if not 0.0 <= strength <= 1.0:
            raise RefinezooError(f"expected strength in [0, 1], received {strength}.")
        parts = [
            self._refine_batch(stack[i : i + batch_size], strength, seed or 0)
            for i in range(0, len(stack), batch_size)
        ]
        refined = np.concatenate(parts)
        return refined[0] if single else refined

    def _refine_batch(self, images, strength, seed):
        height, width = images.shape[1:3]
        padded = pad_to_multiple(images, self.stride).astype("float32") / 127.5 - 1.0
        seeds = np.full(len(images), seed, "int32")
        refined = np.asarray(self.predict_on_batch({"images": padded, "seed": seeds}), "float32")
        refined = (refined[:, :height, :width] + 1.0) * 127.5
        blend = images + strength * (refined - images)
        return np.clip(np.rint(blend), 0, 255).astype(np.uint8)

    def save_to_preset(self, folder):
        """Writes config, weights and checksum to `folder`; `refinezoo.load(folder)` reads it."""
        from refinezoo.models import presets

        return presets.save_to_preset(self, folder)


def unpack(inputs):
    """Images and seeds of what `call` receives: images alone, or `{"images", "seed"}`."""
    if isinstance(inputs, dict):
        return inputs["images"], inputs["seed"]
    return inputs, keras.ops.zeros((keras.ops.shape(inputs)[0],), "int32")
