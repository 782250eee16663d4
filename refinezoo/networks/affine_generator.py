"""A generator that can change light and colour, and nothing else."""

import keras
from keras import layers, ops

from refinezoo.layers import NearestUpsampling2D, ReflectionPadding2D


def affine_generator(*, width=64, blocks=2, reach=0.5, name="generator"):
    """An affine colour transform per place, smooth over the image, predicted from the image.

    Three stride-2 3x3 convolutions, `blocks` residual blocks and a 3x3 convolution give 12 numbers
    per 8 x 8 pixels; enlarged and smoothed, they are the matrix and offset that each pixel's RGB
    goes through. So it can darken objects, warm a light or raise contrast by what the image shows,
    but it cannot dissolve print or paint what is not there: labels stay true by construction.
    It starts as the identity.

    Not a paper's generator of a refiner: the local affine colour transforms are those of HDRNet
    (Gharbi et al. 2017, arXiv 1707.02880), without its guidance map.

    Args:
        width: filters of the first layer; the later ones have 2 and 4 times as many.
        blocks: residual blocks at an eighth of the resolution.
        reach: largest change of a matrix entry or offset.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, H, W, 3]` in [-1, 1] to the same; H and W multiples of 8.
    """

    def convolution(x, filters, strides=1):
        return layers.Conv2D(
            filters, 3, strides=strides, activation="relu", kernel_initializer="he_normal"
        )(ReflectionPadding2D(1)(x))

    images = x = keras.Input((None, None, 3), name="images")
    for factor in (1, 2, 4):
        x = convolution(x, factor * width, strides=2)
    for _ in range(blocks):
        y = convolution(x, 4 * width)
        y = layers.Conv2D(4 * width, 3, kernel_initializer="he_normal")(ReflectionPadding2D(1)(y))
        x = layers.Add()([x, y])
    x = layers.Conv2D(
        12, 3, padding="same", activation="tanh", kernel_initializer="zeros", dtype="float32"
    )(x)
    for _ in range(3):
        x = NearestUpsampling2D(dtype="float32")(x)
        x = layers.AveragePooling2D(3, strides=1, padding="same", dtype="float32")(x)
    return keras.Model(images, LocalAffine(reach, dtype="float32")(images, x), name=name)


@keras.saving.register_keras_serializable("refinezoo")
class LocalAffine(keras.layers.Layer):
    """Sends each pixel's colour c to c + reach (A c + b), clipped to [-1, 1].

    Args:
        reach: factor of the maps.
    """

    def __init__(self, reach=0.5, **kwargs):
        super().__init__(**kwargs)
        self.reach = reach

    def call(self, images, maps):
        """Float `[B, H, W, 3]` and the rows of (A | b), `[B, H, W, 12]`, to `[B, H, W, 3]`."""
        changes = [
            ops.sum(maps[..., row : row + 3] * images, axis=-1, keepdims=True)
            + maps[..., row + 3 : row + 4]
            for row in (0, 4, 8)
        ]
        return ops.clip(images + self.reach * ops.concatenate(changes, axis=-1), -1.0, 1.0)

    def compute_output_shape(self, images_shape, maps_shape):
        return images_shape

    def get_config(self):
        return {**super().get_config(), "reach": self.reach}
