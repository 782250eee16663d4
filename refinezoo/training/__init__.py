"""The alternating trainer: players, turns, one optimizer per player, callbacks."""

from refinezoo.training.alternating import AlternatingModel
from refinezoo.training.callbacks import SampleGrid, StopOnNaN
from refinezoo.training.optimizer import PlayerOptimizer
from refinezoo.training.players import Objective, Player, Turn

__all__ = [
    "AlternatingModel", "Objective", "Player", "PlayerOptimizer", "SampleGrid", "StopOnNaN", "Turn",
]
