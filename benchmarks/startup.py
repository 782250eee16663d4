"""Seconds until refinezoo answers, each in a process of its own, and which imports they go to.

    python benchmarks/startup.py --rounds 5 --out benchmarks/results/startup.json

`import refinezoo`, the verbs that need no model, and `load` with a first image. Python's
`-X importtime` says what the modules of each package cost by themselves (in a further run, since
it slows the whole); what remains of a process is building, tracing and running. Medians, of seconds
and of processor seconds: what an idle machine takes where other work shares this one.
"""

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

FIRST = """
import numpy, refinezoo
refinezoo.load({model!r}).{call}(numpy.zeros({shape}, "u1"))
"""
COMMANDS = {
    "python alone": ["-c", "pass"],
    "import refinezoo": ["-c", "import refinezoo"],
    "refinezoo --help": ["-m", "refinezoo", "--help"],
    "refinezoo list": ["-m", "refinezoo", "list"],
    "refinezoo info cyclegan": ["-m", "refinezoo", "info", "cyclegan"],
    "load reinhard, refine": ["-c", "reinhard", "refine"],
    "load cyclegan, refine": ["-c", "cyclegan", "refine"],
    "load ssd300_fridge, predict": ["-c", "ssd300_fridge", "predict"],
}
SHARE = 0.02  # of the seconds, below which a package is not told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backend", default="tensorflow", choices=["tensorflow", "jax"])
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--out", type=Path, help="JSON file of the result")
    asked = parser.parse_args()
    os.environ |= {"KERAS_BACKEND": asked.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    shape = (asked.image_size, asked.image_size, 3)
    rows = {}
    for name, line in COMMANDS.items():
        if len(line) == 3 and line[0] == "-c":
            line = ["-c", FIRST.format(model=line[1], call=line[2], shape=shape)]
        runs = [timed(line) for _ in range(asked.rounds)]
        wall, cpu = map(statistics.median, zip(*runs, strict=True))
        rows[name] = {"seconds": round(wall, 2), "cpu_s": round(cpu, 2), "imports": imports(line)}
        shown = ", ".join(f"{package} {cost}" for package, cost in rows[name]["imports"].items())
        shown = shown or "imports: nothing to tell"
        print(f"{name}: {wall:.2f} s, {cpu:.2f} of processor; {shown}", flush=True)
    if asked.out:
        command = " ".join(["python", "benchmarks/startup.py", *sys.argv[1:]])
        found = {"command": command, "backend": asked.backend}
        found |= {"rounds": asked.rounds, "cores": os.cpu_count()}
        found |= {"python": platform.python_version(), "image_size": asked.image_size}
        asked.out.write_text(json.dumps(found | {"rows": rows}, indent=1) + "\n")


def timed(line: list[str]) -> tuple[float, float]:
    """Seconds of one process, and of processor time."""
    started, before = time.perf_counter(), _children_s()
    subprocess.run([sys.executable, *line], check=True, capture_output=True)
    return time.perf_counter() - started, _children_s() - before


def imports(line: list[str]) -> dict[str, float]:
    """Seconds that the modules of each package take themselves; slowest first."""
    command = [sys.executable, "-X", "importtime", *line]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    own: dict[str, int] = {}
    for alone, module in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", said, re.M):
        package = module.split(".")[0]
        if package in sys.stdlib_module_names:
            package = "Python itself"
        own[package] = own.get(package, 0) + int(alone)
    least = SHARE * sum(own.values())
    told = sorted(((cost, name) for name, cost in own.items() if cost > least), reverse=True)
    return {name: round(cost / 1e6, 2) for cost, name in told}


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
