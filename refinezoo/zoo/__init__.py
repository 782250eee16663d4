"""The models that come with the package."""

from refinezoo.zoo.catalogue import add_entry, find, info, list_models
from refinezoo.zoo.loading import load

__all__ = ["add_entry", "find", "info", "list_models", "load"]
