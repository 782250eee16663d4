"""Reading and checking of configs."""

from refinezoo.config.overrides import override
from refinezoo.config.reading import parse_json, parse_yaml, read_json, read_yaml, yaml_text
from refinezoo.config.validation import Strict, validate

__all__ = [
    "Strict",
    "override",
    "parse_json",
    "parse_yaml",
    "read_json",
    "read_yaml",
    "validate",
    "yaml_text",
]
