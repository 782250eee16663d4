"""Reading and checking of configs."""

from refinezoo.config.overrides import override
from refinezoo.config.reading import parse_json, parse_yaml, read_json, read_yaml, yaml_text
from refinezoo.config.validation import Share, Strict, expected_by, validate

__all__ = [
    "Share",
    "Strict",
    "expected_by",
    "override",
    "parse_json",
    "parse_yaml",
    "read_json",
    "read_yaml",
    "validate",
    "yaml_text",
]
