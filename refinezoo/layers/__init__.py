"""The few layers Keras lacks. All serialise, run on every backend and export to LiteRT builtins."""

from refinezoo.layers.bilinear_deconvolution import BilinearDeconvolution2D
from refinezoo.layers.convolution import Conv2D
from refinezoo.layers.crelu import CReLU
from refinezoo.layers.image_pool import ImagePool
from refinezoo.layers.noise import DropoutAndNoise, PixelNoise, RepeatToSize
from refinezoo.layers.normalization import InstanceNormalization, batch_normalization
from refinezoo.layers.padding import ReflectionPadding2D
from refinezoo.layers.roi_pool import RoIMaxPooling
from refinezoo.layers.shift_and_cutout import ShiftAndCutout
from refinezoo.layers.spectral import SpectralConv2D
from refinezoo.layers.upsampling import NearestUpsampling2D

__all__ = [
    "BilinearDeconvolution2D",
    "CReLU",
    "Conv2D",
    "DropoutAndNoise",
    "ImagePool",
    "InstanceNormalization",
    "NearestUpsampling2D",
    "PixelNoise",
    "ReflectionPadding2D",
    "RepeatToSize",
    "RoIMaxPooling",
    "ShiftAndCutout",
    "SpectralConv2D",
    "batch_normalization",
]
