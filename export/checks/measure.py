"""Latency and peak memory of one exported file, in a process that does nothing else.

`python -m refinezoo.export.checks.measure` is that process: neither Keras nor TensorFlow's Python
is imported, unless a kind of your own does, so its peak memory is that of the runtime, the file and
one image.
"""

import io
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.registry import format_of
from refinezoo.models.elsewhere import environment, import_modules, own_modules


@dataclass(frozen=True)
class Measured:
    """Latencies of one image in milliseconds, peak resident memory of the process in MB."""

    p50_ms: float
    p95_ms: float
    peak_mb: float


def measure(path: Any, image: np.ndarray, *, threads: int, runs: int = 20) -> Measured:
    """Runs an exported file `runs` times after two warm-up runs.

    Args:
        path: the file or version folder.
        image: uint8 `[H, W, 3]`, of a size the file takes.
        threads: CPU threads of the runtime.
        runs: timed runs; fewer if they take longer than 20 s in all.

    Raises:
        RefinezooError: the process failed; with its last words.
    """
    packed = io.BytesIO()
    np.save(packed, image)
    request = {"path": str(path), "threads": threads, "runs": runs}
    modules = own_modules(kinds_alone=True)  # registers them there too
    if (format_ := format_of(path)) is not None:
        modules.append(format_.write.__module__)
    done = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(request), *modules],
        env=environment(modules),
        capture_output=True,
        input=packed.getvalue(),
    )
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        last = words[-1:] or [f"exit code {done.returncode}"]
        raise RefinezooError(f"measuring {path} failed: {last[0]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def main(request: str, modules: Sequence[str] = ()) -> None:
    """Prints the measurement, of the image that comes in, as JSON."""
    from refinezoo.export.runtimes.exported import open_exported

    asked = json.loads(request)
    import_modules(modules)
    image = np.load(io.BytesIO(sys.stdin.buffer.read()))
    exported = open_exported(asked["path"], threads=asked["threads"])
    run = partial(predicted, exported)
    for _ in range(2):
        run(image)
    times: list[float] = []
    while len(times) < asked["runs"] and sum(times) < 20.0:
        start = time.perf_counter()
        run(image)
        times.append(time.perf_counter() - start)
    p50, p95 = np.percentile(np.array(times) * 1e3, [50, 95])
    print(json.dumps({"p50_ms": float(p50), "p95_ms": float(p95), "peak_mb": _peak_mb()}))


def predicted(model: Any, image: np.ndarray) -> Any:
    """The answer to one image; a model that sees depth gets a flat depth map, 1 m."""
    if not model.kind.saved_model_only:
        return model.predict(image)
    flat = np.ones((1, *image.shape[:2], 1), np.float32)
    return model.predict({"images": image[None], "depth_m": flat})


def _peak_mb() -> float:
    # Not getrusage: a child starts with the peak of the process that it was forked from.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RefinezooError("expected VmHWM in /proc/self/status; peak memory is read on Linux only.")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
