"""Ranges of obstacles, and flights by them."""

from refinezoo.lazy import lazy_names

_HOMES = {"ObstacleRange": ".obstacle_range", "sector_ranges": ".obstacle_range"}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
