"""Trains and measures one arm with one seed: what each process of a study runs.

Run as `python -m refinezoo.experiments.compare.run_arm FOLDER`; FOLDER/spec.json says what to do.
Modules named after it are imported first: they register tasks of the user's own.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.experiments.compare.recipe import versions
from refinezoo.experiments.compare.scheduler import PARENT_VARIABLE
from refinezoo.files import write_json
from refinezoo.models.elsewhere import import_modules
from refinezoo.models.limits import within_limits


def main(folder: str | os.PathLike) -> dict[str, Any]:
    """Trains what `folder/spec.json` says; leaves its preset and, last, result.json.

    Returns:
        What result.json says: hash, arm, seed, metrics, seconds, steps, loss, parameters.
    """
    end_with_parent()
    folder = Path(folder)
    spec = read_json(folder / "spec.json")

    import keras

    from refinezoo.experiments.compare.examples import write_examples
    from refinezoo.experiments.compare.tasks import task_named
    from refinezoo.experiments.compare.training import prepare, train
    from refinezoo.tasks.pseudo_labels import SUMMARY
    from refinezoo.tasks.study import Measured
    from refinezoo.training.precision import training_precision

    keras.utils.set_random_seed(int(spec["seed"]))
    task = task_named(spec["model"]["task"], spec.get("settings"))
    with training_precision(spec["training"]["precision"]):
        with within_limits("model.config"):
            model, fitted, mixed = prepare(task, spec)
        started = time.monotonic()
        backup = folder / f"backup_{spec['hash'][:12]}"
        loss = train(fitted, mixed, spec["training"], backup)
        seconds = time.monotonic() - started
    model.save_to_preset(folder / "preset")
    test = task.read_test(spec["test"], model)
    found = Measured(*task.evaluate(model, test))
    if found.predictions is not None:
        write_json(folder / "detections.json", found.predictions)
    write_examples(task, model, test, folder / "examples")
    labelled = folder / SUMMARY
    result = {
        "hash": spec["hash"],
        "arm": spec["arm"],
        "seed": spec["seed"],
        "metrics": found.metrics,
        "by_class": found.by_class,
        "pseudo_labels": read_json(labelled) if labelled.is_file() else {},
        "seconds": round(seconds, 1),
        "steps": spec["training"]["steps"],
        "loss": loss,
        "parameters": int(model.count_params()),
        "backend": keras.backend.backend(),
        "versions": versions(),
    }
    write_json(folder / "result.json", result)
    Checkpoint(backup).remove()
    print(
        f"{spec['arm']}, seed {spec['seed']}: "
        + ", ".join(f"{name} {value:.4f}" for name, value in found.metrics.items()),
        flush=True,
    )
    return result


def end_with_parent() -> None:
    """Ends this process when the study that started it is gone, so that none trains on alone."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(0.5)
        os._exit(143)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    from refinezoo.errors import RefinezooError

    try:
        import_modules(sys.argv[2:])
        main(sys.argv[1])
    except RefinezooError as error:
        sys.exit(f"error: {error}")
