"""Ranges of obstacles, and flights by them."""

from refinezoo.tasks.obstacle_range.obstacle_range import ObstacleRange, sector_ranges

__all__ = ["ObstacleRange", "sector_ranges"]
