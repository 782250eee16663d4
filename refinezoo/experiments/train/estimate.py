"""What a training will take here, told before it starts; and a smaller one where it does not fit.

memory = the process as it is when model, optimizer and data are ready
         + what TensorFlow keeps for each operation of the step
         + the feature maps and gradients that a step holds at once
time   = convolutions at the rate of one measured here, narrow ones at a rate of their own
         + all else at the rate at which maps are read and written here
         + 3 microseconds for each operation
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from math import prod
from typing import Any

from refinezoo.config import validate
from refinezoo.data.image_size import height_and_width
from refinezoo.errors import RefinezooError
from refinezoo.experiments.train.config import TrainingConfig
from refinezoo.experiments.train.run import compiled
from refinezoo.experiments.train.task import TaskTraining, task_and_spec
from refinezoo.memory import free_mb, peak_mb
from refinezoo.training.rates import Rates, measured_rates
from refinezoo.training.step_cost import step_cost

# Measured by benchmarks/estimate.py (docs/speed.md):
OPERATION_MB = 0.021  # of TensorFlow's graph, its optimised copy and its executor
HELD = 0.7  # of what the walk holds: TensorFlow's optimised graph writes more maps in place
RECOMPUTED = 1.6  # in its place under gradient checkpointing, where TensorFlow works ahead
ERROR = 1.2  # the peak may be so much higher
LEAST_SIDE, LEAST_WIDTH = 64, 8


def estimate(
    config: TrainingConfig | TaskTraining, *, memory_mb: float | None = None
) -> dict[str, Any]:
    """Memory and time of a training on this machine; nothing is trained or written.

    Args:
        config: see `read_config`.
        memory_mb: that it may take; None is what is free here.

    Returns:
        `{"model", "batch_size", "memory_mb", "process_mb", "graph_mb", "maps_mb", "step_gflop",
        "step", "rates", "seconds_per_step", "steps", "hours", "allowed_mb", "fits", "proposal"}`.
        `step` and `rates`: a `StepCost` and `Rates`. `proposal` is None where it fits, else
        `{"overrides", "memory_mb", "seconds_per_step", "fits"}`: the first `key=value` of gradient
        checkpointing, smaller batches, sides and widths, added one by one, that fit together.

    Raises:
        RefinezooError: bad data or config, or a refiner that learns nothing.
    """
    allowed = free_mb() + peak_mb() if memory_mb is None else memory_mb
    rates = measured_rates()
    first, variables = _cost(config, rates)
    told = {**first, "allowed_mb": round(allowed), "fits": _fits(first, allowed), "proposal": None}
    values, found = config.model_dump(by_alias=True), first
    overrides: dict[str, Any] = {}
    least_side = LEAST_SIDE
    while not _fits(found, allowed):
        change = _smaller(values, first["model"], least_side)
        if change is None:
            break
        tried = deepcopy(values)
        for key, value in change.items():
            _set(tried, key, value)
        try:
            found, held = _cost(validate(type(config), tried, "the proposal"), rates)
        except RefinezooError:
            if "image_size" not in change:
                raise
            least_side = min(height_and_width(values["image_size"]))  # of this class
            continue
        values, overrides = tried, overrides | change
        # This process holds what it needed for the models before: only the first one was alone.
        found["memory_mb"] += round(first["process_mb"] + held - variables) - found["process_mb"]
    if overrides:
        told["proposal"] = {
            "overrides": [f"{key}={str(value).lower()}" for key, value in overrides.items()],
            "memory_mb": found["memory_mb"],
            "seconds_per_step": found["seconds_per_step"],
            "fits": _fits(found, allowed),
        }
    return told


def as_text(told: dict[str, Any], *typed: str) -> str:
    """The estimate for a terminal; `typed` is what the reader gave `refinezoo train`."""
    lines = [
        f"{told['model']}, batch of {told['batch_size']}",
        f"memory {told['memory_mb']:,} MB: {told['process_mb']:,} the process with its model, "
        f"{told['graph_mb']:,} the graph, {told['maps_mb']:,} feature maps and gradients",
        f"time   {told['seconds_per_step']:.2f} s a step x {told['steps']} = "
        f"{told['hours']:.1f} hours ({told['step_gflop']:,.1f} GFLOP a step)",
    ]
    allowed, proposal = f"{told['allowed_mb']:,} MB", told["proposal"]
    if told["fits"]:
        return "\n".join([*lines, f"It fits into {allowed}."])
    lines.append(f"It may not fit into {allowed} (a fifth is left as room for error).")
    if proposal is None or not proposal["fits"]:
        lines.append("-> nothing smaller fits either; take a machine with more memory.")
    else:
        lines.append(f"-> refinezoo train {shlex.join([*typed, *proposal['overrides']])}")
        took = f"{proposal['memory_mb']:,} MB, {proposal['seconds_per_step']:.2f} s a step"
        lines.append(f"   takes about {took}")
    return "\n".join(lines)


def _fits(found: dict[str, Any], allowed: float) -> bool:
    return found["memory_mb"] * ERROR <= allowed


def _cost(config: Any, rates: Rates) -> tuple[dict[str, Any], float]:
    """What a config takes, and the MB of its variables."""
    import keras

    with ready(config) as (model, data):
        batch = data[0]
        variables = [*model.variables, *model.optimizer.variables]
        process = peak_mb()
        cost = step_cost(model, batch)
    seconds = cost.seconds(rates)
    steps = (config if isinstance(config, TrainingConfig) else config.training).steps or 0
    count = len(keras.tree.flatten(batch)[0])
    parts = {
        "process_mb": round(process),
        "graph_mb": round(cost.operations * OPERATION_MB),
        "maps_mb": round(cost.live_mb * _held(model)),
    }
    told = {
        "model": type(model).__name__,
        "batch_size": count,
        "memory_mb": sum(parts.values()),
        **parts,
        "step_gflop": round(cost.gflop, 2),
        "step": asdict(cost),
        "rates": asdict(rates),
        "seconds_per_step": round(seconds, 6),
        "steps": steps,
        "hours": round(seconds * steps / 3600, 2),
    }
    return told, sum(4e-6 * prod(variable.shape) for variable in variables)


def _held(model: Any) -> float:
    """What is held of memory for each MB of maps, measured on TensorFlow; XLA says it itself."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return 1.0
    return RECOMPUTED if getattr(model, "gradient_checkpointing", False) else HELD


@contextmanager
def ready(config: TrainingConfig | TaskTraining) -> Iterator[tuple[Any, Any]]:
    """The compiled model of a config and its batches, as `train` makes them."""
    import keras

    from refinezoo.training.precision import training_precision

    if isinstance(config, TaskTraining):
        from refinezoo.experiments.compare.training import prepare

        task, spec = task_and_spec(config)
        keras.utils.set_random_seed(config.seed)
        with training_precision(config.training.precision):
            _, fitted, batches = prepare(task, spec)
            fitted.optimizer.build(fitted.trainable_variables)
            yield fitted, batches
        return
    if config.steps is None:
        raise RefinezooError(
            "expected a training with steps to estimate, received a config without. A refiner that "
            "learns nothing takes seconds; for others add steps=4000, say."
        )
    with training_precision(config.precision):
        yield compiled(config, config.steps_per_epoch)


def _smaller(
    values: dict[str, Any], model: str, least_side: int = LEAST_SIDE
) -> dict[str, Any] | None:
    """The next change that saves memory, as overrides; None where there is none left.

    Args:
        values: of the config.
        model: name of the class, which a config with `init` leaves out.
        least_side: pixels, that it takes.
    """
    if "refiner" not in values:
        batch = values["training"]["batch_size"]
        return {"training.batch_size": batch // 2} if batch > 1 else None
    from refinezoo.models.arguments import parameters
    from refinezoo.models.registry import model_class

    arguments = values["arguments"]
    known = parameters(model_class(model))
    if "gradient_checkpointing" in known and not arguments.get("gradient_checkpointing"):
        return {"arguments.gradient_checkpointing": True}
    if values["batch_size"] > 1:
        return {"batch_size": values["batch_size"] // 2}
    size = values["image_size"]
    sides = [int(side * 0.75) // 32 * 32 for side in height_and_width(size)]
    if min(sides) >= least_side:
        told: dict[str, Any] = {"image_size": sides if isinstance(size, list) else sides[0]}
        if "image_size" in known:
            told["arguments.image_size"] = told["image_size"]
        return told
    width = arguments.get("width", 0) // 2
    return {"arguments.width": width} if width >= LEAST_WIDTH else None


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    *folders, last = key.split(".")
    for folder in folders:
        values = values[folder]
    values[last] = value
