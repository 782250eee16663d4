"""`refinezoo VERB ...`: each verb calls one function of the package."""

# ruff: noqa: F401, I001  (verbs register themselves, in the order in which --help shows them)
from refinezoo.cli.app import app, main
from refinezoo.cli import (
    zoo_verbs,
    first_verbs,
    refine_verb,
    dataset_verbs,
    study_verbs,
    model_verbs,
    serving_verbs,
)

__all__ = ["app", "main"]
