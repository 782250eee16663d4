"""Refiners: one file per method."""

from refinezoo.lazy import lazy_names

_HOMES = {
    "CameraModel": ".camera_model",
    "CycleGAN": ".cyclegan",
    "CycleGANForegroundBackground": ".cyclegan_fgbg",
    "FDA": ".fda",
    "PixelDA": ".pixelda",
    "PopulationTransport": ".population_transport",
    "Refiner": ".refiner",
    "RegionTransport": ".region_transport",
    "Reinhard": ".reinhard",
    "SimGAN": ".simgan",
    "T2Net": ".t2net",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
