"""Monocular depth."""

from refinezoo.tasks.depth.depth_unet import DepthPredictor, DepthUNet

__all__ = ["DepthPredictor", "DepthUNet"]
