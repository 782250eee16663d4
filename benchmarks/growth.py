"""How CPU seconds and peak memory grow with image size, batch and the number of images.

    python benchmarks/growth.py
    python benchmarks/growth.py --sides 512 --batches --images    # that row alone

A CycleGAN step (width 16, 2 blocks) over sides and batches, one thread, a process each; and
`refine_dataset` by `reinhard` over folders of 64 px. An exponent is the slope of the logarithms:
of the side 2 is the growth of the work, of batch and number of images 1. The peak of memory is
taken above that of a process that has only built the model. Rows of other sizes stay in the file of
results.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from train_speed import HERE, PROGRAMS, ask, start

REFINE = """
import json, resource, sys, time
import refinezoo
refiner = refinezoo.load("reinhard")
used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
refinezoo.refine_dataset(sys.argv[1], sys.argv[2] + "0", refiner, workers=1, progress=False)
empty, begun = used(), time.process_time()
refinezoo.refine_dataset(sys.argv[3], sys.argv[2] + "1", refiner, workers=1, progress=False)
print(json.dumps({"cpu_s": time.process_time() - begun, "peak_mb": used(), "empty_mb": empty}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="*", default=[64, 128, 256, 512])
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--images", type=int, nargs="*", default=[100, 400, 1600])
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE / "results/growth.json")
    asked = parser.parse_args()
    found = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    wanted = [("side", n, trained, (n, 1, asked.steps)) for n in asked.sides]
    wanted += [("batch", n, trained, (64, n, asked.steps)) for n in asked.batches]
    wanted += [("images", n, refined, (n,)) for n in asked.images]
    for kind, size, measure, arguments in wanted:
        rows = found.setdefault(kind, {"rows": []})["rows"]
        rows = [row for row in rows if row[kind] != size] + [{kind: size, **measure(*arguments)}]
        rows.sort(key=lambda row: row[kind])
        found[kind] = {"rows": rows, "exponents": exponents(rows) if len(rows) > 1 else {}}
        asked.out.write_text(json.dumps(found, indent=1) + "\n")


def trained(side: int, batch: int, steps: int) -> dict:
    """CPU seconds of a step and the peak of its process."""
    settings = {"image_size": side, "width": 16, "blocks": 2, "batch_size": batch}
    settings |= {"precision": "float32", "threads": 1, "compiled": False, "peak": False}
    program = start(sys.executable, PROGRAMS["refinezoo"], settings)
    built = json.loads(program.stdout.readline())["built_mb"]
    ask(program, "refinezoo", 1)
    row = ask(program, "refinezoo", steps)
    program.stdin.close()
    program.wait()
    row = {"cpu_s": row["cpu_s"], "peak_mb": row["peak_mb"], "empty_mb": built}
    print(json.dumps({"side": side, "batch": batch, **row}), flush=True)
    return row


def refined(count: int) -> dict:
    """CPU seconds of refining a folder of `count` images, and the peak of the process."""
    with tempfile.TemporaryDirectory() as place:
        rng = np.random.default_rng(0)
        for name, number in (("few", 4), ("many", count)):
            (Path(place) / name).mkdir()
            for index in range(number):
                image = rng.integers(0, 256, (64, 64, 3), "uint8")
                cv2.imwrite(f"{place}/{name}/{index:06}.jpg", image)
        line = [sys.executable, "-c", REFINE, f"{place}/few", f"{place}/out", f"{place}/many"]
        run = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    row = json.loads(run.stdout.splitlines()[-1])
    print(json.dumps({"images": count, **row}), flush=True)
    return row


def exponents(rows: list[dict]) -> dict:
    """Slopes of log CPU seconds and of log memory above the empty process."""
    sizes = [math.log(next(iter(row.values()))) for row in rows]
    figures = {
        "cpu_s": [row["cpu_s"] for row in rows],
        "memory": [max(row["peak_mb"] - row["empty_mb"], 1.0) for row in rows],
    }
    return {
        name: round(float(np.polyfit(sizes, np.log(values), 1)[0]), 2)
        for name, values in figures.items()
    }


if __name__ == "__main__":
    main()
