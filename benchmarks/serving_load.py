"""Load: concurrent gRPC clients against the protocol test server; throughput, latency, memory.

    python benchmarks/serving_load.py cyclegan --seconds 60 --clients 16

Exports the model, starts `refinezoo.export.serving.testing` (TensorFlow's C++ session loader behind
the official servicers; not TF Serving) in a process of its own and keeps every client asking, one
image after the other. Leaves with 1 if a request failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="zoo name or preset folder")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=128, help="side of the images, pixels")
    parser.add_argument("--workers", type=int, default=4, help="requests run at a time")
    parser.add_argument("--out", type=Path, help="JSON file of the result")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        export(asked.model, Path(folder) / "model/1")
        result = measure(folder, asked)
    print(json.dumps(result, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(1 if result["errors"] else 0)


def export(model: str, folder: Path) -> None:
    import refinezoo

    refinezoo.export.saved_model(refinezoo.load(model), folder)


def measure(folder: str, asked: argparse.Namespace) -> dict:
    from refinezoo.export import ServingClient

    server, address = start(folder, asked.workers)
    try:
        images = requests(asked.image_size)
        with ServingClient(address, "model", timeout=120) as client:
            client.wait_until_ready(60)
            for image in images:  # warm
                client.predict(image_bytes=[image])
            before = resident_mb(server.pid)
            seen, errors, taken = load(client, images, asked)
        after = resident_mb(server.pid)
        largest = peak_mb(server.pid)
    finally:
        server.terminate()
        server.wait()
    return {
        "model": asked.model,
        "clients": asked.clients,
        "workers": asked.workers,
        "image": [asked.image_size, asked.image_size, 3],
        "seconds": round(taken, 1),
        "requests": len(seen),
        "errors": errors,
        "requests_per_s": round(len(seen) / taken, 2),
        "latency_s": {f"p{q}": round(float(np.percentile(seen, q)), 3) for q in (50, 95, 99)},
        "server_rss_mb": {"before": before, "after": after, "peak": largest},
        "cores": len(os.sched_getaffinity(0)),
    }


def start(folder: str, workers: int) -> tuple[subprocess.Popen, str]:
    command = [sys.executable, "-m", "refinezoo.export.serving.testing", folder]
    command += ["--port", "0", "--rest-port", "0", "--workers", str(workers)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    if not line:
        raise SystemExit("the server did not start")
    return server, line.split()[1]


def requests(side: int) -> list[bytes]:
    """Photos of the package in one size, as PNG."""
    import cv2

    from refinezoo.data import read_image
    from refinezoo.export.checks.photos import packaged_photos
    from refinezoo.export.serving.png import encode_png

    return [encode_png(cv2.resize(read_image(path), (side, side))) for path in packaged_photos(8)]


def load(client, images, asked) -> tuple[list[float], dict[str, int], float]:
    from refinezoo.export import ServingError

    seen: list[float] = []
    errors: dict[str, int] = {}
    end = time.monotonic() + asked.seconds

    def one_client(place: int) -> None:
        while time.monotonic() < end:
            started = time.monotonic()
            try:
                client.predict(image_bytes=[images[place % len(images)]])
                seen.append(time.monotonic() - started)
            except ServingError as error:
                errors[error.code_name] = errors.get(error.code_name, 0) + 1
            place += 1

    started = time.monotonic()
    threads = [threading.Thread(target=one_client, args=(k,)) for k in range(asked.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen, errors, time.monotonic() - started


def resident_mb(pid: int) -> float:
    return _status(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    return _status(pid, "VmHWM")


def _status(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return round(int(line.split()[1]) / 1024, 1)
    raise SystemExit(f"no {field} in /proc/{pid}/status")


if __name__ == "__main__":
    main()
