"""Semantic segmentation: a class for every pixel."""

from refinezoo.tasks.segmentation.deeplab_v2 import BACKBONES, DeepLabV2

__all__ = ["BACKBONES", "DeepLabV2"]
