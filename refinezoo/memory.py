"""Freed memory stays in the process, so that the next feature map finds its pages there.

glibc hands large blocks back to the kernel when they are freed. TensorFlow frees and allocates
every feature map in every step, and each of their pages then costs a fault: more than half of the
time of a training step on a processor (docs/speed.md). Peak memory stays what it is; what falls is
only what other programs may use between two steps.
"""

import ctypes
import functools
import os
import resource
import sys
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of mallopt(3)
_NEVER, _NO_MMAP, _ONE_ARENA = -1, 0, 1
SWITCH = "REFINEZOO_KEEP_MEMORY"
_LIMIT = Path("/sys/fs/cgroup/memory.max")


@functools.cache
def keep_freed_memory() -> bool:
    """Tells glibc to keep freed memory, once; the first model of refinezoo that is built calls it.

    `REFINEZOO_KEEP_MEMORY=0` in the environment leaves everything as it is, and so does any
    `MALLOC_...` or `GLIBC_TUNABLES` that you set yourself. Other allocators are not touched.

    Returns:
        Whether it is kept now.
    """
    chosen = [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))]
    if os.environ.get(SWITCH) == "0" or chosen or os.name != "posix":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_TRIM_THRESHOLD, _NEVER), (_MMAP_MAX, _NO_MMAP), (_ARENA_MAX, _ONE_ARENA))
    return all([mallopt(option, value) == 1 for option, value in wanted])


def peak_mb() -> float:
    """The most memory that this process has held so far, MB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1e6 if sys.platform == "darwin" else used * 1024 / 1e6


def free_mb(meminfo: Path = Path("/proc/meminfo"), limit: Path = _LIMIT) -> float:
    """Memory that programs can still take here, MB: of the machine, or of this container if less.

    Args:
        meminfo: what Linux says of the machine; infinity is told where there is no such file.
        limit: of the container (cgroup v2), beside it what it uses.
    """
    free = float("inf")
    if meminfo.is_file():
        rows = dict(line.split(":") for line in meminfo.read_text().splitlines())
        free = int(rows["MemAvailable"].split()[0]) * 1024 / 1e6
    if limit.is_file() and (most := limit.read_text().strip()) != "max":
        used = int(limit.with_name("memory.current").read_text())
        free = min(free, (int(most) - used) / 1e6)
    return free
