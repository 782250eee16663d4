"""The folder of a run: which config it holds, what it says at the end."""

import os
import platform
import time
from pathlib import Path
from typing import Any

from refinezoo.config import Strict, read_yaml, yaml_text
from refinezoo.errors import RefinezooError
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.files import atomic_path

FREE = ("out", "samples", "guards", "tensorboard", "keep_every")  # may differ when a run is resumed


def busy(out: Path) -> str:
    """What a second training in the same folder is told."""
    return f"another training is running in {out}. Wait for it, or give another out=."


def claim(config: Strict, out: Path) -> None:
    """Writes the resolved config; a run that the folder holds must be of the same one.

    What does not change the weights may differ, and more steps extend the run. A call that failed
    before it trained, say for a mistake in the config, left no run.
    """
    values = config.model_dump(by_alias=True)
    path = out / "config.yaml"
    if path.is_file() and _holds_a_run(out):
        before = read_yaml(path)
        before = before if isinstance(before, dict) else {}
        defaults = {name: field.default for name, field in type(config).model_fields.items()}
        before = {**defaults, **before}  # a run of an older version lacks newer keys
        keys = {*values, *before} - {*FREE}
        changed = sorted(key for key in keys if values.get(key) != before.get(key))
        if changed == ["steps"] and None not in (before["steps"], values["steps"]):
            _extend(before["steps"], values["steps"], out)
        elif changed:
            raise RefinezooError(
                f"{out} holds a run with another config (differs in {', '.join(changed)}). "
                "Give another out=, or the config of that run to resume it; of a refiner's "
                f"training only steps may be raised, and {', '.join(FREE[1:])} may change."
            )
    with atomic_path(path) as temporary:
        temporary.write_text(yaml_text(values), encoding="utf-8")


def _extend(before: int, steps: int, out: Path) -> None:
    """Opens a run of `before` steps for more of them."""
    if not (out / "summary.json").is_file():
        return
    if steps < before:
        raise RefinezooError(
            f"{out} holds a run of {before} steps, received steps={steps}. Raise steps, or "
            "give another out=."
        )
    if not Checkpoint(out / "backup").kept():
        raise RefinezooError(
            f"{out} holds a finished run without a checkpoint to go on from. Start another run "
            f"from its weights: init={out / 'preset'} out=FOLDER."
        )
    (out / "summary.json").unlink()


def _holds_a_run(out: Path) -> bool:
    log = out / "log.csv"  # made empty when training starts
    return (
        bool(Checkpoint(out / "backup").kept())
        or (out / "preset").is_dir()
        or (out / "summary.json").is_file()
        or (log.is_file() and log.stat().st_size > 0)
    )


def trim_log(path: Path, epochs: int) -> None:
    """Drops what a killed run logged after its last checkpoint: those epochs run again."""
    if not path.is_file():
        return
    text = path.read_bytes().decode()  # with the line ends that Keras wrote
    head, *rows = text.splitlines(keepends=True) or [""]
    whole = [row for row in rows if row.endswith("\n") and row.split(",")[0].isdigit()]
    kept = [row for row in whole if int(row.split(",")[0]) < epochs]
    with atomic_path(path) as temporary:
        temporary.write_bytes((head + "".join(kept)).encode() if kept else b"")


def kept_presets(out: Path) -> dict[str, Path]:
    """The presets that `keep_every` kept, `step_000250` and so on, in order."""
    return {path.name: path for path in sorted((out / "presets").glob("step_*")) if path.is_dir()}


def summary(started: float) -> dict[str, Any]:
    """Minutes, hardware and versions."""
    import keras

    import refinezoo

    return {
        "minutes_of_the_last_call": round((time.monotonic() - started) / 60, 2),
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPU cores",
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "refinezoo": refinezoo.__version__,
    }
