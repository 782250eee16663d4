"""Refiners: one file per method."""

from refinezoo.refiners.cyclegan import CycleGAN
from refinezoo.refiners.cyclegan_fgbg import CycleGANForegroundBackground
from refinezoo.refiners.fda import FDA
from refinezoo.refiners.pixelda import PixelDA
from refinezoo.refiners.refiner import Refiner
from refinezoo.refiners.reinhard import Reinhard
from refinezoo.refiners.simgan import SimGAN
from refinezoo.refiners.t2net import T2Net

__all__ = [
    "FDA",
    "CycleGAN",
    "CycleGANForegroundBackground",
    "PixelDA",
    "Refiner",
    "Reinhard",
    "SimGAN",
    "T2Net",
]
