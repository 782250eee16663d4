"""The models that come with the package."""

from refinezoo.zoo.catalogue import KINDS, add_entry, find, info, list_models
from refinezoo.zoo.loading import load

__all__ = ["KINDS", "add_entry", "find", "info", "list_models", "load"]
