"""Measures of results; they know neither models nor data pipelines."""

from refinezoo.metrics.confusion import class_table, confusion
from refinezoo.metrics.detection import coco_average_precision

__all__ = ["class_table", "coco_average_precision", "confusion"]
