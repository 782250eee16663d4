"""Monocular depth."""

from refinezoo.lazy import lazy_names

_HOMES = {"DepthPredictor": ".depth_unet", "DepthUNet": ".depth_unet"}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
