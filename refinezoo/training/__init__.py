"""The alternating trainer: players, turns, one optimizer per player, callbacks and guards."""

from refinezoo.training.alternating import AlternatingModel
from refinezoo.training.callbacks import SampleGrid, StopOnNaN
from refinezoo.training.guards import StopOnCollapse, StopOnColourFlip, StopOnIdleDiscriminator
from refinezoo.training.optimizer import PlayerOptimizer
from refinezoo.training.plateau import Plateau
from refinezoo.training.players import Objective, Player, Turn
from refinezoo.training.schedules import ConstantThenLinear

__all__ = [
    "AlternatingModel",
    "ConstantThenLinear",
    "Objective",
    "Plateau",
    "Player",
    "PlayerOptimizer",
    "SampleGrid",
    "StopOnCollapse",
    "StopOnColourFlip",
    "StopOnIdleDiscriminator",
    "StopOnNaN",
    "Turn",
]
