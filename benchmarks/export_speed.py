"""Speed and memory of every export format, beside the float SavedModel.

    refinezoo train benchmarks/recipes/resnet9.yaml
    python benchmarks/export_speed.py --threads 2 --out benchmarks/results/export_speed.json
    python benchmarks/export_speed.py cyclegan_fgbg --image-sizes 256 512 --threads 1 2 --batch 8

Models: the full ResNet-9 CycleGAN with instance norm (11.4 M parameters), briefly trained, and the
zoo's `cyclegan_fgbg`; or names of the zoo and preset folders. Each file runs in a process of its
own, `--rounds` times in turn with the others, so that a busy minute hits them all; the best round
counts. Only files that keep 35 dB against Keras are called verified. One image at a time, as the
edge formats take them; the SavedModel also takes `--batch` at once. Detectors have the sizes that
they were made for.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import numpy as np

SIZE = 256
RESNET9 = "runs/train/resnet9/preset"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=[RESNET9, "cyclegan_fgbg"])
    parser.add_argument("--threads", type=int, nargs="+", default=[2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=10, help="timed runs a file and round")
    parser.add_argument("--image-sizes", type=int, nargs="+", default=[SIZE])
    parser.add_argument("--batch", type=int, nargs="*", default=[], help="of the SavedModel")
    parser.add_argument("--out", type=Path, help="JSON file of the results")
    asked = parser.parse_args()

    from refinezoo.quiet import start_backend

    start_backend()
    results = {
        "command": " ".join(["python", "benchmarks/export_speed.py", *sys.argv[1:]]),
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
        "rounds": asked.rounds,
        "runs": asked.runs,
        "settings": [],
    }
    for size in asked.image_sizes:
        compared = {name: compare(name, size, asked) for name in asked.models}
        compared = {name: each for name, each in compared.items() if each}
        for threads in asked.threads:
            models = {name: each[threads] for name, each in compared.items()}
            setting = {"threads": threads, "image_size": size, "models": models}
            results["settings"].append(setting)
            if asked.out:  # after each size, which takes minutes
                asked.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def compare(name: str, size: int, asked: argparse.Namespace) -> dict[int, dict]:
    """What each number of threads gives, all files of one model in turn.

    Nothing of a model that sees a size of its own alone, but at the first size.
    """
    import refinezoo
    from refinezoo.export.checks.measure import measure
    from refinezoo.export.checks.photos import fitted, real_frames
    from refinezoo.export.report import export_formats

    model = refinezoo.load(name)
    own = model.kind.own_size
    if own and size != asked.image_sizes[0]:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        frames = real_frames()[::8]
        given = {"calibration": frames, "image_size": None if own else size}
        rows = export_formats(model, Path(name).name, folder, **given, force=True, runs=0)
        image = fitted(model, frames[0], (size, size))
        calls = [(row.title, row.path, image) for row in rows if not row.refused]
        at_once = [np.stack([image] * count) for count in asked.batch]
        served = next(row for row in rows if row.title == "saved_model")
        calls += [(f"{served.title}, {len(b)} at once", served.path, b) for b in at_once]
        speeds: dict[int, dict[str, list]] = {
            threads: {title: [] for title, *_ in calls} for threads in asked.threads
        }
        for _ in range(asked.rounds):
            for threads, of_call in speeds.items():
                for title, path, seen in calls:
                    of_call[title].append(measure(path, seen, threads=threads, runs=asked.runs))
    least = model.kind.gate[1] if "psnr" in rows[0].parity else None  # of refiners
    return {threads: told(rows, of_call, least) for threads, of_call in speeds.items()}


def told(rows: list, speeds: dict[str, list], least: float | None) -> dict:
    """Speed, size and quality of each file; which verified one is the fastest."""
    best = {title: _best(measured) for title, measured in speeds.items()}
    table = {}
    for row in (row for row in rows if not row.refused):
        verified = least is None or row.parity["psnr"] >= least
        table[row.title] = {**best.pop(row.title), "file_mb": row.megabytes, **row.parity}
        table[row.title]["verified"] = verified
    base = table["saved_model"]
    verified = {title: row for title, row in table.items() if row["verified"]}
    fastest = min(verified, key=lambda title: verified[title]["p50_ms"])
    return {
        "formats": table,
        "at_once": best,
        "refused": {row.title: row.refused for row in rows if row.refused},
        "fastest_verified": fastest,
        "times_faster": base["p50_ms"] / table[fastest]["p50_ms"],
        "share_of_memory": table[fastest]["peak_mb"] / base["peak_mb"],
    }


def _best(measured: list) -> dict:
    least = {key: min(getattr(m, key) for m in measured) for key in ("p50_ms", "p95_ms", "cpu_ms")}
    return {**least, "peak_mb": max(each.peak_mb for each in measured)}


if __name__ == "__main__":
    main()
