"""What the networks of DeepLab-v2 share: ceil-mode pooling, channels, the rates of their heads."""

from collections.abc import Sequence

import keras
from keras import layers

from refinezoo.errors import RefinezooError
from refinezoo.networks.ssd import SubtractMean

MEAN_BGR = (104.008, 116.669, 122.675)


def images_in(name: str = "images"):
    """The input of any size, RGB in 0..255, and the mean-free BGR that the layers see."""
    images = keras.Input((None, None, 3), name=name)
    return images, SubtractMean(MEAN_BGR, name="mean", dtype="float32")(images)


def channels(paper: int, width_multiplier: float) -> int:
    """The paper's number of channels times `width_multiplier`, as a multiple of 8."""
    return max(8, int(round(paper * width_multiplier / 8)) * 8)


def repeats(paper: int, depth_multiplier: float) -> int:
    """The paper's number of layers or blocks times `depth_multiplier`, at least 1."""
    return max(1, int(round(paper * depth_multiplier)))


def max_pool(x, name: str, strides: int = 2):
    """3x3 maxima, padded by 1 in Caffe's ceil mode: a side n becomes n // 2 + 1 at stride 2.

    321 becomes 161, 81, 41. The zeros of the padding never win, since what is pooled went through
    a ReLU.
    """
    if strides == 1:
        return layers.MaxPooling2D(3, 1, padding="same", name=name)(x)
    # One row more than `same` has: of an even side, ceil mode pools the half window at its end.
    x = layers.ZeroPadding2D(((1, 2), (1, 2)), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, strides, name=name)(x)


def scores(classes: int, name: str, size: int = 1, rate: int = 1):
    """The last convolution of a branch, to class logits; drawn from N(0, 0.01)."""
    return layers.Conv2D(
        classes,
        size,
        padding="same",
        dilation_rate=rate,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        name=name,
        dtype="float32",
    )


def checked_rates(rates: Sequence[int]) -> tuple[int, ...]:
    """The atrous rates as whole numbers, each once.

    Raises:
        RefinezooError: none, a rate below 1, or one that comes twice.
    """
    found = tuple(rates)
    if (
        not found
        or len(set(found)) < len(found)
        or not all(isinstance(rate, int) and rate >= 1 for rate in found)
    ):
        raise RefinezooError(
            f"expected rates as different whole numbers from 1, received {rates!r}. The paper's "
            "are (6, 12, 18, 24) for ASPP and (12,) for LargeFOV."
        )
    return found
