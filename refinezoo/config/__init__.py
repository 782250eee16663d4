"""Reading and checking of configs."""

from refinezoo.config.reading import read_yaml
from refinezoo.config.validation import Strict, validate

__all__ = ["Strict", "read_yaml", "validate"]
