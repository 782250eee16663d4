"""Semantic segmentation: a class for every pixel."""

from refinezoo.lazy import lazy_names

_HOMES = {"BACKBONES": ".deeplab_v2", "DeepLabV2": ".deeplab_v2"}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
