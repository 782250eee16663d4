"""Networks that judge images. Each function returns a functional `keras.Model`."""

import keras
from keras import layers

from refinezoo.errors import RefinezooError
from refinezoo.layers import Conv2D, InstanceNormalization
from refinezoo.networks.generators import normal_initializer


def patch_discriminator(
    *, width=64, layers_strided=3, normalised=True, channels=3, name="discriminator"
):
    """The 70x70 PatchGAN: one logit per overlapping patch.

    4x4 convolutions: `width` s2, 2x s2, 4x s2, 8x s1, 1 s1; LeakyReLU 0.2; instance norm but in
    the first and last. 2,764,737 parameters at width 64.

    Args:
        width: filters of the first layer (64 in the paper).
        layers_strided: convolutions of stride 2; 3 (the paper's) judge patches of 70 px, 2 of
            34 px, 1 of 16 px: texture rather than layout.
        normalised: instance norm, as in the paper. It divides by the contrast of the image, so a
            discriminator with it hardly sees how sharp or noisy an image is; without it the
            layers start from He's initialisation.
        channels: of the image.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, H, W, channels]` in [-1, 1] to logits `[B, h, w, 1]`; 256 px give
        30x30, 64 px 6x6. See `check_patches` for the smallest.

    Reference: Isola et al. 2017, arXiv 1611.07004.
    """

    def convolution(x, filters, strides):
        # Explicit padding: Keras "same" pads only bottom and right at stride 2.
        start = normal_initializer() if normalised else keras.initializers.HeNormal()
        return Conv2D(filters, 4, strides=strides, kernel_initializer=start)(
            layers.ZeroPadding2D(1)(x)
        )

    images = keras.Input((None, None, channels), name="images")
    x = layers.LeakyReLU(0.2)(convolution(images, width, 2))
    for depth in range(1, layers_strided + 1):
        strides = 2 if depth < layers_strided else 1
        x = convolution(x, width * 2**depth, strides)
        x = layers.LeakyReLU(0.2)(InstanceNormalization()(x) if normalised else x)
    x = convolution(x, 1, 1)
    return keras.Model(images, layers.Activation("linear", dtype="float32")(x), name=name)


def check_patches(discriminator, image_size):
    """Checks that images leave a patch to judge.

    Args:
        discriminator: a `patch_discriminator`.
        image_size: height and width, pixels.

    Raises:
        RefinezooError: they are too small for it.
    """
    try:
        discriminator.compute_output_shape((1, *image_size, discriminator.input_shape[-1]))
    except ValueError:
        raise RefinezooError(
            "expected image_size of at least 24 pixels for a PatchGAN of 3 strided layers (12 for "
            f"2), received {image_size[0]} x {image_size[1]} (height x width). Enlarge image_size, "
            "or take fewer discriminator_layers."
        ) from None
