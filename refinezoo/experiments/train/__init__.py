"""`train`: one training run from a config."""

from refinezoo.experiments.train.config import TrainingConfig, read_config
from refinezoo.experiments.train.run import train
from refinezoo.experiments.train.task import TaskTraining

__all__ = ["TaskTraining", "TrainingConfig", "read_config", "train"]
