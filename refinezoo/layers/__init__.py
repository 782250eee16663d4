"""The few layers Keras lacks. All serialise, run on every backend and export to LiteRT builtins."""

from refinezoo.layers.image_pool import ImagePool
from refinezoo.layers.normalization import instance_normalization
from refinezoo.layers.padding import ReflectionPadding2D
from refinezoo.layers.upsampling import NearestUpsampling2D

__all__ = ["ImagePool", "NearestUpsampling2D", "ReflectionPadding2D", "instance_normalization"]
