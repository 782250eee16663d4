"""`train`: one training run from a config."""

from refinezoo.experiments.train.config import TrainingConfig, read_config
from refinezoo.experiments.train.run import train

__all__ = ["TrainingConfig", "read_config", "train"]
