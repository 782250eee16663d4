"""What the measured programs of `benchmarks/train_speed.py` share: they do what a line asks for.

One line, a number of training steps, gives one line, JSON: seconds of a step, after one that is not
timed. So two programs take turns on the same cores; the first turn is the warm-up. A path in its
place refines the synthetic images into that file.
"""

import json
import resource
import sys
import time
from collections.abc import Callable


def serve(
    steps: Callable[[int], None],
    device_mb: Callable[[], float] | None = None,
    refine: Callable[[str], None] | None = None,
    **told: float,
) -> None:
    """Says what is `told`, then answers until the input ends.

    Args:
        steps: takes a number of training steps and waits for the last.
        device_mb: the peak of an accelerator's memory; None: that of the process is told.
        refine: saves the refined synthetic images in a file.
        told: facts of the program, such as its peak, said first.
    """
    print(json.dumps({**told, "built_mb": _peak_mb()}), flush=True)
    for line in sys.stdin:
        if refine is not None and not line.strip().isdigit():
            refine(line.strip())
            print(json.dumps({"refined": line.strip()}), flush=True)
            continue
        count = int(line)
        steps(1)  # a machine may have taken the memory of a program that waited for its turn
        wall, cpu = time.perf_counter(), _cpu()
        steps(count)
        row = {"wall_s": time.perf_counter() - wall, "cpu_s": _cpu() - cpu}
        row = {key: value / count for key, value in row.items()}
        print(json.dumps({**row, "peak_mb": (device_mb or _peak_mb)()}), flush=True)


def matmul_gflops(multiply: Callable[[], None], side: int) -> float:
    """The best of ten matrix products `[side, side] x [side, side]`, GFLOP/s of wall time."""
    multiply()
    times = []
    for _ in range(10):
        start = time.perf_counter()
        multiply()
        times.append(time.perf_counter() - start)
    return 2 * side**3 / min(times) / 1e9


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
