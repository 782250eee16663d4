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
    """Latencies of one call in milliseconds, peak resident memory of the process in MB.

    `cpu_ms` is the median of its processor time, of all threads: on one thread what the latency is
    where no other work shares the core.
    """

    p50_ms: float
    p95_ms: float
    cpu_ms: float
    peak_mb: float


def measure(path: Any, image: np.ndarray, *, threads: int, runs: int = 20) -> Measured:
    """Runs an exported file `runs` times after two warm-up runs, in a process of its own.

    Args:
        path: the file or version folder.
        image: uint8 `[H, W, 3]`, of a size the file takes; or `[B, H, W, 3]`, which goes through at
            once where the runtime takes several (a SavedModel does).
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
    cpu: list[float] = []
    while len(times) < asked["runs"] and sum(times) < 20.0:
        start, cpu_start = time.perf_counter(), time.process_time()
        run(image)
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    p50, p95 = map(float, np.percentile(np.array(times) * 1e3, [50, 95]))
    cpu_ms = float(np.median(cpu)) * 1e3
    print(json.dumps({"p50_ms": p50, "p95_ms": p95, "cpu_ms": cpu_ms, "peak_mb": _peak_mb()}))


def predicted(model: Any, image: np.ndarray) -> Any:
    """The answer to one image; a model that sees depth gets a flat depth map, 1 m.

    Several images go through at once, where `predict` takes one after the other.
    """
    if image.ndim == 4:
        return model.runtime.run(image)
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
