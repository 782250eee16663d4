"""Downstream gain: the same model trained on synthetic, refined, real and mixed sets, N seeds."""

from refinezoo.experiments.compare.study import compare_downstream

__all__ = ["compare_downstream"]
