"""How listing, fingerprints, manifest and refining grow with the number of files.

    python benchmarks/scale.py --files 1000 10000 100000 1000000 --refine-up-to 100000

The tree is simulated: hard links to a few small images, in folders of 1,000, without labels. Each
figure is of a process of its own: CPU seconds, and the peak of its memory beyond that of a process
that has imported the same. The refiner changes nothing, so what is measured of `refine` is all that
is not the model. Writes `OUT`; exponents are the slopes of log(figure) over log(files) between the
two largest sizes: 1 is linear.
"""

import argparse
import json
import math
import multiprocessing
import os
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

LINKS = 30_000  # of one file: some file systems take no more than 65,000


class Same:
    """A refiner that changes nothing."""

    def refine(self, images: np.ndarray, **_: Any) -> np.ndarray:
        return images

    def get_config(self) -> dict[str, Any]:
        return {}


def make_tree(root: Path, files: int) -> None:
    """`images/000/000000.png` ... in folders of 1,000."""
    draw = np.random.default_rng(0)
    for number in range(files):
        folder = root / "images" / f"{number // 1000:04}"
        if number % 1000 == 0:
            folder.mkdir(parents=True)
        if number % LINKS == 0:
            original = folder / f"{number:07}.png"
            image = cv2.resize(draw.integers(0, 255, (4, 4, 3), np.uint8), (32, 32))
            cv2.imwrite(str(original), image)
        else:
            os.link(original, folder / f"{number:07}.png")


def listing(root: Path, out: Path) -> None:
    """What `--dry-run` does: every file found and its part in the dataset recognised."""
    from refinezoo.refinement import find_renders

    find_renders(root)


def fingerprints(root: Path, out: Path) -> None:
    """The SHA-256 of every file, as each run and each resume takes it."""
    from refinezoo.files import sha256

    for path in root.rglob("*.png"):
        sha256(path)


def manifest(root: Path, out: Path) -> None:
    """A row for each file in batches of 8, the manifest of all, and it read again."""
    from refinezoo.refinement.manifest import Manifest

    name, settings = "manifest.jsonl", {"seed": 0}
    written = Manifest(out, name, settings)
    names = [path.relative_to(root).as_posix() for path in root.rglob("*.png")]
    common = {"source_sha256": "0" * 64, "model": "same", "weights_sha256": "1" * 64, "seed": 0}
    more = {"action": "refined", "size": [32, 32], "strength": 1.0, "output_sha256": "2" * 64}
    for start in range(0, len(names), 8):
        written.add([{"file": name, **common, **more} for name in names[start : start + 8]])
    written.finish(names, failed=[])
    if len(Manifest(out, name, settings).rows) != len(names):
        raise SystemExit("the manifest lost rows")


def refine(root: Path, out: Path) -> None:
    """A whole run."""
    from refinezoo.refinement import refine_dataset

    name = "manifest.jsonl"
    refine_dataset(root, out, Same(), batch_size=64, progress=False, manifest_name=name)


def nothing(root: Path, out: Path) -> None:
    """The memory of the imports alone."""


def measured(what: Callable[[Path, Path], None], root: Path, out: Path) -> dict[str, float]:
    """CPU seconds and peak memory of one call in a new process."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_measure, args=(what, root, out, results))
    process.start()
    found = results.get()
    process.join()
    return found


def _measure(what: Callable[[Path, Path], None], root: Path, out: Path, results: Any) -> None:
    import refinezoo.data.formats
    import refinezoo.refinement
    import refinezoo.refinement.dataset  # noqa: F401

    out.mkdir(exist_ok=True)
    before = time.process_time()
    what(root, out)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.put({"cpu_seconds": round(time.process_time() - before, 3), "peak_mb": round(peak, 1)})


def main() -> None:
    """All figures, written after each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--refine-up-to", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path("runs/scale"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/scale.json"))
    asked = parser.parse_args()
    shutil.rmtree(asked.work, ignore_errors=True)
    rows: list[dict[str, Any]] = []
    for files in sorted(asked.files):
        root, row = asked.work / str(files), {"files": files}
        make_tree(root, files)
        base = measured(nothing, root, asked.work / "out")["peak_mb"]
        for what in (listing, fingerprints, manifest, refine):
            if what is refine and files > asked.refine_up_to:
                continue
            found = measured(what, root, asked.work / "out")
            found["mb"] = round(max(0.0, found.pop("peak_mb") - base), 1)
            row[what.__name__] = found
            shutil.rmtree(asked.work / "out", ignore_errors=True)
        shutil.rmtree(root)
        rows.append(row)
        print(json.dumps(row), flush=True)
        document = {"base_mb": base, "sizes": rows, "exponents": exponents(rows)}
        asked.out.write_text(json.dumps(document, indent=1) + "\n")


def exponents(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Slopes between the two largest sizes that have a figure."""
    found: dict[str, dict[str, float]] = {}
    for what in ("listing", "fingerprints", "manifest", "refine"):
        measured_rows = [row for row in rows if what in row][-2:]
        if len(measured_rows) < 2:
            continue
        first, last = measured_rows
        spread = math.log(last["files"] / first["files"])
        found[what] = {
            key: round(math.log(last[what][key] / first[what][key]) / spread, 2)
            for key in ("cpu_seconds", "mb")
            if first[what][key] and last[what][key]
        }
    return found


if __name__ == "__main__":
    main()
