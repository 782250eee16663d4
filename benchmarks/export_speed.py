"""Speed and memory of every export format at one size, beside the float SavedModel.

    refinezoo train benchmarks/recipes/resnet9.yaml
    python benchmarks/export_speed.py --threads 2 --out benchmarks/results/export_speed.json

Models: the full ResNet-9 CycleGAN with instance norm (11.4 M parameters), briefly trained, and the
zoo's `cyclegan_fgbg`; or names of the zoo and preset folders. Each file runs in a process of its
own, `--rounds` times in turn with the others, so that a busy minute hits them all; the best round
counts. Only files that keep 35 dB against Keras are called verified.
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
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=10, help="timed runs a file and round")
    parser.add_argument("--image-size", type=int, default=SIZE)
    parser.add_argument("--out", type=Path, help="JSON file of the results")
    asked = parser.parse_args()

    from refinezoo.quiet import start_backend

    start_backend()
    results = {
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": asked.threads,
        "image_size": asked.image_size,
        "rounds": asked.rounds,
        "runs": asked.runs,
        "models": {},
    }
    for name in asked.models:
        results["models"][name] = compare(name, asked)
    print(json.dumps(results, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(results, indent=1) + "\n")


def compare(name: str, asked: argparse.Namespace) -> dict:
    import refinezoo
    from refinezoo.export.checks.measure import measure
    from refinezoo.export.checks.photos import fitted, real_frames
    from refinezoo.export.checks.quality import LEAST_PSNR
    from refinezoo.export.report import export_formats

    model = refinezoo.load(name)
    with tempfile.TemporaryDirectory() as folder:
        frames = real_frames()[::8]
        rows = export_formats(
            model,
            Path(name).name,
            folder,
            image_size=asked.image_size,
            calibration=frames,
            force=True,
            runs=0,
        )
        image = fitted(model, frames[0], (asked.image_size, asked.image_size))
        written = [row for row in rows if not row.refused]
        speeds: dict[str, list] = {row.title: [] for row in written}
        for _ in range(asked.rounds):
            for row in written:
                speeds[row.title].append(
                    measure(row.path, image, threads=asked.threads, runs=asked.runs)
                )
    table = {}
    for row in written:
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
