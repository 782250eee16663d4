"""Refining a labelled dataset: annotations carried over, a manifest, a gate, resume."""

from refinezoo.data.formats import Layout
from refinezoo.refinement.calibrate import calibrate_gate
from refinezoo.refinement.calibration import Calibration
from refinezoo.refinement.dataset import refine_dataset
from refinezoo.refinement.fingerprint import weights_sha256
from refinezoo.refinement.gate import Gate
from refinezoo.refinement.layout import find_renders
from refinezoo.refinement.score import GateScore, score_image
from refinezoo.refinement.shard import Shard
from refinezoo.refinement.staging import staged
from refinezoo.refinement.summary import Summary
from refinezoo.refinement.teacher import Teacher
from refinezoo.refinement.variants import refine_variants

__all__ = [
    "Calibration",
    "Gate",
    "GateScore",
    "Layout",
    "Shard",
    "Summary",
    "Teacher",
    "calibrate_gate",
    "find_renders",
    "refine_dataset",
    "refine_variants",
    "score_image",
    "staged",
    "weights_sha256",
]
