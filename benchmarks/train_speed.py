"""Time of a full CycleGAN training step: refinezoo beside PyTorch, in turns on the same cores.

    python benchmarks/train_speed.py --peer PEER/bin/python
    python benchmarks/train_speed.py --peer PEER/bin/python --model ssd300 --sizes 300
    python benchmarks/train_speed.py --peer PEER/bin/python --model deeplab_v2 --sizes 321

PEER is an environment with `torch==2.13.0`, and `torchvision==0.28.0` for the downstream models;
refinezoo never imports it. Both programs (`benchmarks/peers/`) run the same networks, losses and
optimizers at batch 1 and take turns of a few steps. The table has medians over the turns; the
ratio is taken turn by turn. The floor is the operations of a step over the peak of a matrix
product that either program reached. Rows of other settings stay in the file of results.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SETTING = (
    "model",
    "image_size",
    "width",
    "blocks",
    "batch_size",
    "precision",
    "threads",
    "compiled",
)
PROGRAMS = {"refinezoo": "refinezoo_cyclegan.py", "pytorch": "torch_cyclegan.py"}
DOWNSTREAM = {"refinezoo": "refinezoo_downstream.py", "pytorch": "torch_downstream.py"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="a Python that has torch 2.13")
    parser.add_argument("--model", default="cyclegan", choices=("cyclegan", "ssd300", "deeplab_v2"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[128], help="image sides, pixels")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--compiled", action="store_true", help="torch.compile for the peer")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each program")
    parser.add_argument("--steps", type=int, default=2, help="training steps of a turn")
    parser.add_argument(
        "--warm-up", type=int, default=1, help="steps beside the first of each turn"
    )
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--out", type=Path, default=HERE / "results/train_speed.json")
    asked = parser.parse_args()
    rows = json.loads(asked.out.read_text())["rows"] if asked.out.exists() else []
    command = " ".join(["python", "benchmarks/train_speed.py", *_told()])
    for setting in itertools.product(asked.sizes, asked.threads, asked.precisions):
        row = {"command": command, **compared(asked, *setting)}
        print(json.dumps(row), flush=True)
        rows = [
            other for other in rows if any(other.get(key) != row.get(key) for key in SETTING)
        ] + [row]
        found = {"processor": _processor(), "cores": os.cpu_count(), "rows": rows}
        asked.out.write_text(json.dumps(found, indent=1) + "\n")


def compared(asked: argparse.Namespace, size: int, threads: int, precision: str) -> dict:
    """One setting: both programs, turn by turn."""
    settings = {
        "image_size": size,
        "width": asked.width,
        "blocks": asked.blocks,
        "batch_size": 1,
        "precision": precision,
        "threads": threads,
        "compiled": asked.compiled,
    }
    programs = PROGRAMS
    if asked.model != "cyclegan":
        programs, settings = DOWNSTREAM, {"model": asked.model, **settings}
        del settings["width"], settings["blocks"]
    pythons = {"refinezoo": sys.executable, "pytorch": asked.peer}
    running, told = {}, {}
    for name, file in programs.items():  # one after the other: each measures its peak alone
        running[name] = start(pythons[name], file, settings)
        told[name] = _line(running[name], name)
    if asked.warm_up:  # tracing, compiling, primitives
        for name, program in running.items():
            ask(program, name, asked.warm_up)
    turns: dict[str, list[dict]] = {name: [] for name in running}
    for turn in range(asked.rounds):
        for name in sorted(running, reverse=bool(turn % 2)):
            turns[name].append(ask(running[name], name, asked.steps))
    for program in running.values():
        program.stdin.close()
        program.wait()
    return _row(settings, told, turns)


def start(python: str, file: str, settings: dict) -> subprocess.Popen:
    """A program of `benchmarks/peers`, which says its facts and waits for `ask`."""
    return subprocess.Popen(
        [python, str(HERE / "peers" / file), json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def ask(program: subprocess.Popen, name: str, steps: int | str) -> dict:
    """A turn of a program, or a file of refined images (`peers/worker.py`)."""
    program.stdin.write(f"{steps}\n")
    program.stdin.flush()
    return _line(program, name)


def _line(program: subprocess.Popen, name: str) -> dict:
    line = program.stdout.readline()
    if not line:
        raise SystemExit(f"the program of {name} ended with {program.wait()}; run it by itself.")
    return json.loads(line)


def _row(settings: dict, told: dict, turns: dict) -> dict:
    peak = max(facts["matmul_gflops"] for facts in told.values())
    row = {**settings, "rounds": len(turns["refinezoo"]), "matmul_gflops": round(peak, 1)}
    row["step_gflop"] = round(told["refinezoo"]["step_gflop"], 1)
    row["floor_s"] = round(row["step_gflop"] / peak, 3)
    for name, measured in turns.items():
        row[name] = median_of(measured)
        row[name]["share_of_peak"] = round(row["floor_s"] / row[name]["wall_s"], 3)
    for key in ("wall_s", "cpu_s"):
        pairs = zip(turns["refinezoo"], turns["pytorch"], strict=True)
        ratios = [own[key] / peer[key] for own, peer in pairs]
        row[f"ratio_{key[:-2]}"] = round(statistics.median(ratios), 3)
        row[f"ratio_{key[:-2]}_range"] = [round(min(ratios), 3), round(max(ratios), 3)]
    return row


def median_of(turns: list[dict]) -> dict:
    """The median of each figure over the turns."""
    return {key: round(statistics.median(turn[key] for turn in turns), 4) for key in turns[0]}


def _told() -> list[str]:
    words = iter(sys.argv[1:])
    return ["PEER" if previous == "--peer" else word for previous, word in _pairs(words)]


def _pairs(words):
    previous = ""
    for word in words:
        yield previous, word
        previous = word


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


if __name__ == "__main__":
    main()
