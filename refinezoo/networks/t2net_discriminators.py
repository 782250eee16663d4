"""The two discriminators of T2Net: one judges images, one the depth network's features."""

import keras
from keras import layers

from refinezoo.layers import Conv2D
from refinezoo.networks.t2net_blocks import batch_norm, he_normal, shared_prelu


def t2net_image_discriminator(*, width=64, channels=3, name="discriminator_image"):
    """The 70x70 PatchGAN with batch norm and one PReLU slope; 2,765,570 parameters at width 64.

    Args:
        width: filters of the first layer (64 in the paper).
        channels: of the image.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, H, W, channels]` in [-1, 1] to logits `[B, h, w, 1]`; at least
        32 px.
    """
    prelu = shared_prelu()

    def convolved(x, filters, strides, bias=False):
        # Explicit padding: Keras "same" pads only bottom and right at stride 2.
        return Conv2D(filters, 4, strides=strides, use_bias=bias, kernel_initializer=he_normal())(
            layers.ZeroPadding2D(1)(x)
        )

    images = keras.Input((None, None, channels), name="images")
    x = prelu(convolved(images, width, 2))
    for factor, strides in ((2, 2), (4, 2), (8, 1)):
        x = prelu(batch_norm()(convolved(x, factor * width, strides)))
    x = convolved(x, 1, 1, bias=True)
    return keras.Model(images, layers.Activation("linear", dtype="float32")(x), name=name)


def t2net_feature_discriminator(*, cells=None, channels=512, name="discriminator_feature"):
    """Judges the depth network's features of an image as a whole.

    Args:
        cells: None: a 3x3 convolution and the mean over cells, so that images may have any size
            (not in the paper). `(h, w)`: the code's fully connected layers over all cells of that
            one size; 126,092,802 parameters for 12 x 40 cells (images of 192 x 640).
        channels: of the features; also the width of the hidden layers.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, h, w, channels]` to logits `[B, 1, 1, 1]`.
    """
    prelu = shared_prelu()

    def convolved(x, filters, size=1, padding="valid"):
        return layers.Conv2D(filters, size, padding=padding, kernel_initializer=he_normal())(x)

    features = keras.Input((*(cells or (None, None)), channels), name="features")
    if cells:
        x = prelu(convolved(layers.Reshape((1, 1, -1))(features), channels))
    else:
        x = prelu(convolved(features, channels, 3, "same"))
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = convolved(prelu(convolved(x, channels)), 1)
    return keras.Model(features, layers.Activation("linear", dtype="float32")(x), name=name)
