"""Image-to-image networks. Each function returns a functional `keras.Model` with free H and W."""

from functools import partial

import keras
from keras import layers, ops

from refinezoo.errors import RefinezooError
from refinezoo.layers import Conv2D, InstanceNormalization, ReflectionPadding2D
from refinezoo.networks.affine_generator import affine_generator


def normal_initializer():
    """N(0, 0.02), the GAN initialisation. One per layer: a shared instance repeats its draws."""
    return keras.initializers.RandomNormal(0.0, 0.02)


def resnet_generator(
    *,
    width=64,
    blocks=9,
    channels=3,
    upsampling="deconv",
    residual=False,
    normalised=True,
    name="generator",
):
    """The residual generator of CycleGAN, as in the official PyTorch code.

    7x7 `width` | two stride-2 3x3 | `blocks` residual blocks | two upsampling steps | 7x7 tanh,
    instance norm without affine, reflection padding. 11,378,179 parameters at width 64, 9 blocks.

    Args:
        width: filters of the first layer (64 in the paper).
        blocks: residual blocks (9 from 256 px up, 6 below).
        channels: of the image, in and out.
        upsampling: `"deconv"` (the paper's transposed convolution) or `"resize"` (nearest
            upsampling and a 3x3 convolution: no checkerboard; the same number of parameters).
        residual: the network's output is added to the image, in artanh space; its last layer
            starts at zero, so that training starts from the unchanged image. Not in the paper.
        normalised: instance norm (paper); without it the layers start from He's initialisation.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, H, W, channels]` in [-1, 1] to the same; H and W multiples of 4.

    Reference: Zhu et al. 2017, arXiv 1703.10593; layer sizes after Johnson et al. 2016.
    """
    if upsampling not in ("deconv", "resize"):
        raise RefinezooError(f"expected upsampling 'deconv' or 'resize', received {upsampling!r}.")

    def start():
        return normal_initializer() if normalised else keras.initializers.HeNormal()

    def convolution(x, filters, kernel, strides=1):
        return Conv2D(filters, kernel, strides=strides, kernel_initializer=start())(x)

    def activated(x, activate=True):
        x = InstanceNormalization()(x) if normalised else x
        return layers.ReLU()(x) if activate else x

    def upsampled(x, filters):
        if upsampling == "resize":
            return Conv2D(filters, 3, enlarge=True, kernel_initializer=start())(x)
        x = layers.Conv2DTranspose(
            filters, 3, strides=2, padding="valid", kernel_initializer=start()
        )(x)
        return layers.Cropping2D(((1, 0), (1, 0)))(x)  # PyTorch's padding 1, output padding 1

    images = x = keras.Input((None, None, channels), name="images")
    x = activated(convolution(ReflectionPadding2D(3)(x), width, 7))
    for factor in (2, 4):
        x = activated(convolution(layers.ZeroPadding2D(1)(x), factor * width, 3, strides=2))
    for _ in range(blocks):
        y = activated(convolution(ReflectionPadding2D(1)(x), 4 * width, 3))
        y = activated(convolution(ReflectionPadding2D(1)(y), 4 * width, 3), activate=False)
        x = layers.Add()([x, y])
    for factor in (2, 1):
        x = activated(upsampled(x, factor * width))
    x = ReflectionPadding2D(3)(x)
    if not residual:
        x = convolution(x, channels, 7)
        return keras.Model(images, layers.Activation("tanh", dtype="float32")(x), name=name)
    change = Conv2D(channels, 7, kernel_initializer="zeros", dtype="float32")(x)
    return keras.Model(images, ShiftTanh(dtype="float32")(images, change), name=name)


def generator_called(kind, *, width, blocks, **settings):
    """A function of a name that makes the generators of CycleGAN, and the stride of their sides.

    Args:
        kind: `"resnet"`, of `resnet_generator`, or `"affine"`, of `affine_generator`.
        width: filters of the first layer.
        blocks: residual blocks.
        **settings: what `resnet_generator` alone takes.

    Raises:
        RefinezooError: another kind.
    """
    if kind == "affine":
        return partial(affine_generator, width=width, blocks=blocks), 8
    if kind == "resnet":
        return partial(resnet_generator, width=width, blocks=blocks, **settings), 4
    raise RefinezooError(f"expected generator 'resnet' or 'affine', received {kind!r}.")


@keras.saving.register_keras_serializable("refinezoo")
class ShiftTanh(keras.layers.Layer):
    """tanh(artanh(image) + change): a residual that stays in (-1, 1).

    Clipping image + change instead has no gradient where it saturates: bright blobs that the
    discriminator could not remove again were seen to grow there.
    """

    def call(self, images, change):
        x = ops.clip(images, -0.98, 0.98)
        return ops.tanh(0.5 * ops.log((1.0 + x) / (1.0 - x)) + change)

    def compute_output_shape(self, images_shape, change_shape):
        return images_shape
