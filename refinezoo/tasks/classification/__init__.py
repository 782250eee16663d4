"""Image classification."""

from refinezoo.lazy import lazy_names

_HOMES = {"Classifier": ".classifier"}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
