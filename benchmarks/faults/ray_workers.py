"""Kills workers of Ray with -9 at random moments of `refine --engine ray`, over and over.

    python benchmarks/faults/ray_workers.py --times 20 --out runs/faults

One cluster of two workers refines 40 renders again and again; in each trial one or two of the
workers, whichever are at work then, are killed. The run must end well by itself, and the folder
hold what one process leaves, and nothing else. Writes `OUT/results.json`; exit status 1 where a
trial fell short.
"""

import argparse
import logging
import os
import random
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from runs import differences, outcome, write_results

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")


class Slow:
    """Adds 20 levels, a fifth of a second an image; says which processes are at work."""

    def __init__(self, pids: Path) -> None:
        self.pids = pids

    def refine(self, images: np.ndarray, **_: Any) -> np.ndarray:
        (self.pids / str(os.getpid())).touch()
        time.sleep(0.2 * len(images))
        return np.clip(images.astype(np.int16) + 20, 0, 255).astype(np.uint8)

    def get_config(self) -> dict[str, Any]:
        return {"levels": 20}


def kill(pids: Path, count: int, after: float, killed: list[int]) -> None:
    """Kills so many of the processes at work, `after` seconds from the first one's start."""
    while not any(pids.iterdir()):
        time.sleep(0.01)
    time.sleep(after)
    for path in sorted(pids.iterdir())[:count]:
        try:
            os.kill(int(path.name), signal.SIGKILL)
            killed.append(int(path.name))
        except ProcessLookupError:
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/faults"))
    asked = parser.parse_args()
    import ray

    from refinezoo.files import ASSETS
    from refinezoo.refinement import refine_dataset
    from refinezoo.scenes.compose import compose_scenes

    place, draw = asked.out.resolve() / "ray_workers", random.Random(asked.seed)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    renders, out, pids = place / "renders", place / "out", place / "pids"
    compose_scenes(ASSETS / "products", renders, 40, image_size=64, progress=False)
    options = {"batch_size": 1, "progress": False}
    pids.mkdir()
    refine_dataset(renders, out, Slow(pids), **options)
    wanted, rows = outcome(out), []
    options |= {"engine": "ray", "workers": 2}
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}},
    )
    for _ in range(asked.times):
        for folder in (out, pids):
            shutil.rmtree(folder)
        pids.mkdir()
        after, count, killed = round(draw.uniform(0, 4), 2), draw.choice((1, 2)), list[int]()
        killer = threading.Thread(target=kill, args=(pids, count, after, killed))
        killer.start()
        refine_dataset(renders, out, Slow(pids), **options)
        killer.join()
        found = differences(wanted, outcome(out))
        rows.append({"after_seconds": after, "killed": len(killed), "equal": not found, **found})
        equal = sum(row["equal"] for row in rows)
        told = {"of": len(rows), "equal": equal, "trials": rows}
        write_results(asked.out / "results.json", {"refine": {"kill_ray_workers": told}})
    ray.shutdown()
    print(f"{equal} of {asked.times} equal; {sum(row['killed'] for row in rows)} workers killed")
    sys.exit(equal != asked.times)


if __name__ == "__main__":
    main()
