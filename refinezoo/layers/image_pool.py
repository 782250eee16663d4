"""The history of generated images that steadies a discriminator."""

import keras
from keras import ops

from refinezoo.errors import RefinezooError


@keras.saving.register_keras_serializable("refinezoo")
class ImagePool(keras.layers.Layer):
    """Exchanges generated images for older ones: each with probability one half, or every other.

    Until `size` images are stored it stores and returns what it is given. The images, the counter
    and the random state are weights, so a checkpoint holds them and a resumed run goes on
    unchanged. Reference: Shrivastava et al. 2017, arXiv 1612.07828, section 2.3.

    Args:
        size: images kept; 0 switches the pool off.
        seed: of the draws.
        half_batches: once full, the first half of each batch is exchanged (SimGAN); otherwise each
            image by chance (CycleGAN).
    """

    def __init__(self, size=50, seed=None, half_batches=False, **kwargs):
        if size < 0:
            raise RefinezooError(f"expected size >= 0 images, received size={size}.")
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.size = size
        self.seed = seed
        self.half_batches = half_batches
        self.random = keras.random.SeedGenerator(seed)
        # Keras does not save seed generators; as a weight of the layer the state is checkpointed.
        self.random_state = self.random.state

    def build(self, shape):
        def weight(name, shape, dtype):
            return self.add_weight(
                name=name,
                shape=shape,
                dtype=dtype,
                initializer="zeros",
                trainable=False,
                aggregation="only_first_replica",
            )

        if self.size:
            self.images = weight("images", (self.size, *shape[1:]), "float32")
            self.stored = weight("stored", (), "int32")
        self.built = True

    def call(self, images):
        """Images `[B, H, W, C]` in and out; B at most `size`, H and W those of `build`."""
        if self.size == 0:
            return images
        batch = images.shape[0] or ops.shape(images)[0]
        arrival = self.stored + ops.arange(batch, dtype="int32")
        filling = arrival < self.size
        order = ops.argsort(keras.random.uniform((self.size,), seed=self.random))[:batch]
        slot = ops.where(filling, arrival, ops.cast(order, "int32"))
        if self.half_batches:
            swap = ops.arange(batch) < batch // 2
        else:
            swap = keras.random.uniform((batch,), seed=self.random) < 0.5
        swap = ops.logical_and(self.stored >= self.size, swap)

        def choose(mask, yes, no):
            return ops.where(ops.reshape(mask, (-1, 1, 1, 1)), yes, no)

        fresh = ops.cast(images, "float32")
        old = ops.take(self.images, slot, axis=0)
        kept = choose(ops.logical_or(filling, swap), fresh, old)
        self.images.assign(ops.scatter_update(self.images, slot[:, None], kept))
        self.stored.assign(ops.minimum(self.stored + batch, self.size))
        return ops.cast(choose(swap, old, fresh), images.dtype)

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "seed": self.seed,
            "half_batches": self.half_batches,
        }
