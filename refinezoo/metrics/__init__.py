"""Measures of results; they know neither models nor data pipelines."""

from refinezoo.metrics.detection import coco_average_precision

__all__ = ["coco_average_precision"]
