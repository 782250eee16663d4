"""The few layers Keras lacks. All serialise, run on every backend and export to LiteRT builtins."""

from refinezoo.layers.image_pool import ImagePool
from refinezoo.layers.noise import DropoutAndNoise, PixelNoise, RepeatToSize
from refinezoo.layers.normalization import batch_normalization, instance_normalization
from refinezoo.layers.padding import ReflectionPadding2D
from refinezoo.layers.upsampling import NearestUpsampling2D

__all__ = [
    "DropoutAndNoise", "ImagePool", "NearestUpsampling2D", "PixelNoise", "ReflectionPadding2D",
    "RepeatToSize", "batch_normalization", "instance_normalization",
]
