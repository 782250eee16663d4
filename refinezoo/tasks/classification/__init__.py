"""Image classification."""

from refinezoo.tasks.classification.classifier import Classifier

__all__ = ["Classifier"]
