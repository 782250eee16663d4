"""Peak memory of a served model that is sent small files of many pixels, N at once.

    python benchmarks/serving_memory.py cyclegan --at-once 0 1 2 4 16

Exports the model, then opens it anew in TensorFlow's C++ session loader (which TF Serving uses),
each time in a process that does nothing else, and sends N images of as many pixels as it accepts,
from N threads: the worst that a client may do. A larger `--side` is beyond the limit, and must be
refused from the header. Prints the peak resident memory (VmHWM), in GB.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="zoo name or preset folder")
    parser.add_argument("--at-once", type=int, nargs="+", default=[0, 1, 2, 4, 16])
    parser.add_argument("--side", type=int, default=1448, help="of the images, pixels")
    parser.add_argument("--format", choices=["png", "jpg"], default="png")
    parser.add_argument("--threads", type=int, default=1, help="of the session")
    parser.add_argument("--exported", type=Path, help="a version folder that was exported before")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="JSON file of the result")
    asked = parser.parse_args()
    if asked.in_this_process:
        print(json.dumps(measure(asked)))
        return
    with tempfile.TemporaryDirectory() as folder:
        place = asked.exported or Path(folder) / "model/1"
        if asked.exported is None:
            subprocess.run([sys.executable, "-c", EXPORT, asked.model, place], check=True)
        rows = []
        for count in asked.at_once:
            line = [sys.executable, __file__, asked.model, "--in-this-process"]
            line += ["--exported", str(place), "--at-once", str(count), "--side", str(asked.side)]
            line += ["--format", asked.format, "--threads", str(asked.threads)]
            done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(rows[-1], flush=True)
    if asked.out:
        asked.out.write_text(json.dumps({"model": asked.model, "rows": rows}, indent=1) + "\n")


EXPORT = "import sys, refinezoo as r; r.export.saved_model(r.load(sys.argv[1]), sys.argv[2])"


def measure(asked: argparse.Namespace) -> dict:
    import cv2
    import numpy as np

    from refinezoo.export.runtimes.session import SavedModelSession
    from refinezoo.export.runtimes.tensorflow_c import SessionError

    (count,) = asked.at_once
    flat = np.zeros((asked.side, asked.side, 3), np.uint8)
    file = cv2.imencode(f".{asked.format}", flat)[1].tobytes()
    answers: list[str] = []

    def ask() -> None:
        try:
            session.run("serving_default", image_bytes=np.array([file], object))
            answers.append("answered")
        except SessionError as error:
            answers.append(f"refused: {error.message[:80]}")

    with SavedModelSession(asked.exported, threads=asked.threads) as session:
        threads = [threading.Thread(target=ask) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return {
        "at_once": count,
        "kilobytes_a_file": round(len(file) / 1000, 1),
        "answers": {answer: answers.count(answer) for answer in sorted(set(answers))},
        "peak_gb": round(peak_kilobytes() / 1e6, 2),
    }


def peak_kilobytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
