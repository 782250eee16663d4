"""Speed and memory of every export format, beside the float SavedModel.

    refinezoo train benchmarks/recipes/resnet9.yaml
    python benchmarks/export_speed.py --threads 2 --out benchmarks/results/export_speed.json
    python benchmarks/export_speed.py cyclegan --image-sizes 256 512 --threads 1 2

Models: the full ResNet-9 CycleGAN with instance norm (11.4 M parameters), briefly trained, and the
zoo's `cyclegan_fgbg`; or names of the zoo and preset folders. Each file runs in a process of its
own, `--rounds` times in turn with the others, so that a busy minute hits them all; the best round
counts. Only files that keep 35 dB against Keras are called verified. One picture at a time, as the
edge formats take them.
"""

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path

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
    parser.add_argument("--out", type=Path, help="JSON file of the results")
    asked = parser.parse_args()

    from refinezoo.quiet import start_backend

    start_backend()
    results = {
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
        "rounds": asked.rounds,
        "runs": asked.runs,
        "settings": [],
    }
    for size in asked.image_sizes:
        compared = {name: compare(name, size, asked) for name in asked.models}
        for threads in asked.threads:
            models = {name: each[threads] for name, each in compared.items()}
            setting = {"threads": threads, "image_size": size, "models": models}
            results["settings"].append(setting)
    print(json.dumps(results, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(results, indent=1) + "\n")


def compare(name: str, size: int, asked: argparse.Namespace) -> dict[int, dict]:
    """What each number of threads gives, all files of one model in turn."""
    import refinezoo
    from refinezoo.export.checks.measure import measure
    from refinezoo.export.checks.photos import fitted, real_frames
    from refinezoo.export.report import export_formats

    model = refinezoo.load(name)
    with tempfile.TemporaryDirectory() as folder:
        frames = real_frames()[::8]
        rows = export_formats(
            model, Path(name).name, folder, image_size=size, calibration=frames, force=True, runs=0
        )
        image = fitted(model, frames[0], (size, size))
        written = [row for row in rows if not row.refused]
        speeds: dict[int, dict[str, list]] = {
            threads: {row.title: [] for row in written} for threads in asked.threads
        }
        for _ in range(asked.rounds):
            for threads, of_row in speeds.items():
                for row in written:
                    seen = measure(row.path, image, threads=threads, runs=asked.runs)
                    of_row[row.title].append(seen)
    return {threads: told(rows, of_row) for threads, of_row in speeds.items()}


def told(rows: list, speeds: dict[str, list]) -> dict:
    """Speed, size and quality of each file; which verified one is the fastest."""
    from refinezoo.export.checks.quality import LEAST_PSNR

    table = {}
    for row in (row for row in rows if not row.refused):
        table[row.title] = {
            "p50_ms": min(speed.p50_ms for speed in speeds[row.title]),
            "p95_ms": min(speed.p95_ms for speed in speeds[row.title]),
            "peak_mb": max(speed.peak_mb for speed in speeds[row.title]),
            "file_mb": row.megabytes,
            "psnr_db": row.parity["psnr"],
            "verified": row.parity["psnr"] >= LEAST_PSNR,
        }
    base = table["saved_model"]
    verified = {title: row for title, row in table.items() if row["verified"]}
    fastest = min(verified, key=lambda title: verified[title]["p50_ms"])
    return {
        "formats": table,
        "refused": {row.title: row.refused for row in rows if row.refused},
        "fastest_verified": fastest,
        "times_faster": base["p50_ms"] / table[fastest]["p50_ms"],
        "share_of_memory": table[fastest]["peak_mb"] / base["peak_mb"],
    }


if __name__ == "__main__":
    main()
