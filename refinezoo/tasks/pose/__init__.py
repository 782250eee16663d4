"""Class and rotation of an object."""

from refinezoo.tasks.pose.pose_tower import PoseTower

__all__ = ["PoseTower"]
