"""What every refiner does, learned or not: uint8 images in, uint8 images of the same size out."""

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.models.base import Model
from refinezoo.models.images import pad_to_multiple
from refinezoo.refiners.kind import REFINER, Refines


class Refiner(Refines, Model):
    """Base class of the refiners; a subclass has

    * `inference_network`: functional model, float `[B, H, W, 3]` in [-1, 1] to the same; its
      weights are what a preset holds;
    * `stride`: H and W of that network must be multiples of it;
    * `call({"images", "seed"})`: the same with a seed `int32 [B]` for refiners that draw.
    """

    kind = REFINER
    stride = 1
    clip_layer = None  # that takes (images, seed, clip=), where statistics can be a clip's

    def more_signatures(self, max_image_pixels):
        """Entry points that a SavedModel of this method has beside those of every refiner."""
        return {}

    def to_batch(self, images, seed=0):
        """Images padded to the network's stride, in [-1, 1], and the seed of each."""
        padded = pad_to_multiple(np.stack(images), self.stride).astype("float32") / 127.5 - 1.0
        return {"images": padded, "seed": np.full(len(images), seed, "int32")}

    def to_answer(self, outputs, images):
        """Refined images at their own size, uint8 `[B, H, W, 3]`."""
        height, width = images[0].shape[:2]
        refined = (outputs[:, :height, :width].astype("float32") + 1.0) * 127.5
        return np.clip(np.rint(refined), 0, 255).astype(np.uint8)

    def fit(self, *arguments, **options):
        """As `keras.Model.fit`, for methods that train; the others keep statistics by `adapt`."""
        if hasattr(self, "adapt") and not hasattr(self, "players"):
            raise RefinezooError(
                f"expected a method that trains, received {type(self).__name__}, which keeps "
                "statistics of photos instead. Call adapt(photos), of some with renders=renders."
            )
        return super().fit(*arguments, **options)

    def refine_frames(self, images, clip, seed=0):
        """Refines frames of a video by one mapping for all of them, where `clip_layer` has one.

        Args:
            images: uint8 `[B, H, W, 3]`.
            clip: a few frames of it, uint8 `[K, H, W, 3]`, whose statistics are used.
            seed: of the photo that is drawn for the clip.

        Returns:
            uint8 `[B, H, W, 3]`; frame by frame, as `refine`, where there is no such layer.
        """
        if self.clip_layer is None:
            return self.refine(images, seed=seed)
        batch, known = self.to_batch(images, seed), self.to_batch(clip)["images"]
        outputs = self.clip_layer(batch["images"], batch["seed"], clip=known)
        return self.to_answer(ops.convert_to_numpy(outputs), images)


class ColourTransfer(Refiner):
    """Base class of the refiners that are one layer of colours, and learn nothing."""

    def refine_by(self, colour, name):
        """Makes the network of a layer: images `[B, H, W, 3]` in [-1, 1], seeds `[B]` to images."""
        self.colour = colour
        images = keras.Input((None, None, 3), name="images")
        self.inference_network = keras.Model(images, colour(images, no_seed(images)), name=name)
        self.built = True

    @property
    def clip_layer(self):
        """The layer that can take what it needs from a whole clip."""
        return self.colour

    def call(self, inputs, training=False):
        """Float `[B, H, W, 3]` in [-1, 1] to the same."""
        return self.colour(*unpack(inputs))


def unpack(inputs):
    """Images and seeds of what `call` receives: images alone, or `{"images", "seed"}`."""
    if isinstance(inputs, dict):
        return inputs["images"], inputs["seed"]
    return inputs, keras.ops.zeros((keras.ops.shape(inputs)[0],), "int32")


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
