"""What a discriminator's images go through, so that few photos are not learnt by heart."""

import keras
from keras import ops

from refinezoo.errors import RefinezooError


@keras.saving.register_keras_serializable("refinezoo")
class ShiftAndCutout(keras.layers.Layer):
    """Moves images, cuts a square out of them and blurs them; gradients pass.

    Colour is left alone: in refining, the colour is what is to be judged. Shift and blur are one
    product with a matrix per axis, what leaves the image comes back mirrored. The random state
    is a weight, so a checkpoint holds it and a resumed run goes on unchanged.

    Args:
        shift: longest move, as a share of the image's side.
        cutout: side of the square, as a share of the image's; it becomes mid-grey. 0 cuts none.
        seed: of the draws, one for each image.

    Reference: Zhao et al. 2020, arXiv 2006.10738.
    """

    def __init__(self, shift=0.125, cutout=0.5, seed=None, **kwargs):
        if not 0.0 <= shift < 1.0 or not 0.0 <= cutout < 1.0:
            raise RefinezooError(
                f"expected shift and cutout in [0, 1), received {shift} and {cutout}."
            )
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.shift, self.cutout, self.seed = shift, cutout, seed
        self.random = keras.random.SeedGenerator(seed)
        self.random_state = self.random.state
        self.built = True

    def call(self, images, masks=None, sigma=0.0):
        """Images `[B, H, W, C]` in [-1, 1], changed, and their masks, moved alike.

        Args:
            images: float.
            masks: float `[B, H, W, 1]` or None.
            sigma: of the blur, pixels.

        Returns:
            Images and masks.
        """
        count, sides = ops.shape(images)[0], images.shape[1:3]
        moves = [self._moves(count, side) for side in sides]
        soft = [ops.matmul(m, _blur(side, sigma)) for m, side in zip(moves, sides, strict=True)]
        images = _looked_up(images, *soft)
        if self.cutout:
            centres = keras.random.uniform((count, 2), seed=self.random)
            rows, columns = (
                ops.abs(ops.arange(side, dtype="float32") + 0.5 - centres[:, axis, None] * side)
                < self.cutout * side / 2
                for axis, side in enumerate(sides)
            )
            hole = ops.logical_and(rows[:, :, None, None], columns[:, None, :, None])
            images = ops.where(hole, 0.0, images)
        return images, None if masks is None else _looked_up(masks, *moves)

    def _moves(self, count, side):
        longest = int(self.shift * side)
        move = keras.random.randint((count, 1), -longest, longest + 1, seed=self.random)
        position = ops.abs(ops.arange(side, dtype="int32") + ops.cast(move, "int32"))
        return ops.one_hot(side - 1 - ops.abs(side - 1 - position), side)

    def compute_output_shape(self, images_shape, masks_shape=None):
        return images_shape, masks_shape

    def get_config(self):
        own = {"shift": self.shift, "cutout": self.cutout, "seed": self.seed}
        return {**super().get_config(), **own}


def _blur(side, sigma):
    """A Gaussian filter along an axis, normalised within the image: `[side, side]`."""
    position = ops.arange(side, dtype="float32")
    distance = ops.square(position[:, None] - position[None, :])
    return ops.softmax(-0.5 * distance / ops.square(ops.maximum(sigma, 0.05)), axis=-1)


def _looked_up(images, rows, columns):
    images = ops.einsum("bhi,biwc->bhwc", rows, ops.cast(images, "float32"))
    return ops.einsum("bwj,bhjc->bhwc", columns, images)
