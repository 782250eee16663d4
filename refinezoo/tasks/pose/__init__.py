"""Class and rotation of an object."""

from refinezoo.lazy import lazy_names

_HOMES = {"PoseTower": ".pose_tower"}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
