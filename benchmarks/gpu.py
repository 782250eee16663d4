"""refinezoo on a GPU beside PyTorch, then two trainings at the papers' size, in 10 minutes.

    python benchmarks/gpu_carry.py .carry                                # here, with a registry
    KERAS_BACKEND=jax python benchmarks/gpu.py --carry .carry --out OUT  # there, without one

The machine needs Python 3.12, JAX, OpenCV and, for the comparison, PyTorch; what else refinezoo
imports lies in `.carry` as wheels, and the data in this repository. A full CycleGAN step (ResNet-9,
width 64) is timed at each size, precision and batch; programs of one setting compile together and
are then measured in turns. `OUT` gets gpu.json, logs and the two presets in parts of 15 MiB, which
`cat NAME.tar.gz.* | tar xz` puts together. `--tiny` runs all of it in a small setting anywhere.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path

from train_speed import PROGRAMS, ask, median_of, start

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# Dense TFLOP/s of the makers' data sheets; float32 is TF32, which both libraries take by default.
SHEET = {
    "H200": {"bfloat16": 989.0, "float32": 494.5},
    "H100": {"bfloat16": 989.0, "float32": 494.5},
    "A100": {"bfloat16": 312.0, "float32": 156.0},
}
PART = 15 << 20
KEPT = ("config.json", "model.weights.h5", "log.csv", "summary.json", "result.json")
TINY = {"sizes": [32], "batches": [1], "width": 8, "blocks": 1, "precisions": ["float32"]}
TINY |= {"rounds": 1, "steps": 1, "train_seconds": 0.0, "scenes": 4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "runs/gpu")))
    parser.add_argument("--carry", type=Path, help="folder of wheels that this machine lacks")
    parser.add_argument("--peer", help="a Python that has torch; none: refinezoo alone")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--precisions", nargs="+", default=["bfloat16", "float32"])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--scenes", type=int, default=1500, help="composed for the training")
    parser.add_argument("--train-seconds", type=float, default=120.0, help="of each training")
    parser.add_argument("--seconds", type=float, default=560.0, help="after which nothing starts")
    parser.add_argument("--tiny", action="store_true")
    asked = parser.parse_args()
    if asked.tiny:
        vars(asked).update(TINY)
    asked.ends = time.monotonic() + asked.seconds
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        install(work / "site", asked.carry)
        found = {"device": device(), "seconds": {}, "steps": [], "trainings": {}}
        scenes = composing(asked, work)
        for size in asked.sizes:
            for precision in asked.precisions:
                if time.monotonic() + asked.train_seconds < asked.ends:
                    found["steps"] += measured(asked, size, precision, found["device"], scenes)
                    write(asked, found)
        scenes.wait()
        found["trainings"] = trained(asked, work, found["steps"])
        found["left_s"] = round(asked.ends - time.monotonic(), 1)
        write(asked, found)


def write(asked, found: dict) -> None:
    """What is known so far, for the case that time runs out."""
    (asked.out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")


def install(site: Path, carry: Path | None) -> None:
    """Unpacks the wheels and links the package together; child processes find both."""
    (site / "refinezoo").mkdir(parents=True)
    for wheel in sorted(carry.glob("*.whl")) if carry else ():
        with zipfile.ZipFile(wheel) as file:
            file.extractall(site)
    parts = {path.name: path for path in (ROOT / "refinezoo").iterdir()}
    parts |= {name: ROOT / name for name in ("export", "zoo_configs")}
    for name, path in parts.items():
        (site / "refinezoo" / name).symlink_to(path.resolve())
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(site)] + ([before] if before else []))
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # the peers share the memory


def device() -> dict:
    """What JAX computes on."""
    code = "import jax; d = jax.devices()[0]; print(jax.__version__, d.platform, d.device_kind)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"JAX does not start:\n{run.stderr[-2000:]}")
    version, platform, kind = run.stdout.split(maxsplit=2)
    return {"jax": version, "platform": platform, "kind": kind.strip()}


def composing(asked, work: Path) -> subprocess.Popen:
    """Composes the renders beside the first compilation."""
    line = [sys.executable, "-m", "refinezoo", "compose", work / "scenes", "--quiet"]
    line += ["--count", asked.scenes, "--image-size", 160, "--seed", 7]
    line += ["--distractors", ROOT / "refinezoo/assets/distractors"]
    return subprocess.Popen([str(word) for word in line], stdout=subprocess.DEVNULL)


def measured(asked, size: int, precision: str, device: dict, scenes) -> list[dict]:
    """One row for each program and batch that the device holds."""
    running, rows = {}, []
    # All of them lie in the GPU's memory together: 128 px take 2 GB an image in float32.
    most = (32 if precision == "bfloat16" else 16) * (128 / size) ** 2
    for name, file, compiled in programs(asked):
        for batch in [batch for batch in asked.batches if batch <= max(1, most)]:
            settings = {"image_size": size, "width": asked.width, "blocks": asked.blocks}
            settings |= {"batch_size": batch, "precision": precision, "threads": 4}
            settings |= {"compiled": compiled, "peak": False}
            python = sys.executable if name == "refinezoo" else asked.peer
            running[name, batch] = start(python, file, settings)
    told, turns = {}, {key: [] for key in running}
    for key, program in running.items():
        told[key] = program.stdout.readline()
        with suppress(BrokenPipeError):  # one that is out of memory is gone
            program.stdin.write("1\n")
            program.stdin.flush()
    alive = [key for key, program in running.items() if program.stdout.readline()]
    if scenes.poll() is None:
        scenes.wait()  # nothing else may run while steps are timed
    for _ in range(asked.rounds):
        for key in alive:
            with suppress(SystemExit, BrokenPipeError):
                turns[key].append(ask(running[key], key[0], asked.steps))
    flop = {
        b: json.loads(text)["step_gflop"]
        for (n, b), text in told.items()
        if n == "refinezoo" and text
    }
    sheet = next((row for name, row in SHEET.items() if name in device["kind"]), {})
    for (name, batch), program in running.items():
        with suppress(BrokenPipeError):
            program.stdin.close()
        program.wait()
        row = {"program": name, "image_size": size, "precision": precision, "batch": batch}
        if turns[name, batch]:
            row |= median_of(turns[name, batch])
            row["images_per_s"] = round(batch / row["wall_s"], 2)
            row["tflops"] = round(flop[batch] / 1e3 / row["wall_s"], 4) if batch in flop else None
            if precision in sheet and row["tflops"]:
                row["mfu"] = round(row["tflops"] / sheet[precision], 4)
        else:
            row["failed"] = f"exit {program.returncode}; out of memory, or see it by itself"
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def programs(asked) -> list[tuple[str, str, bool]]:
    """Name, file and whether it is compiled; JAX always is."""
    rows = [("refinezoo", PROGRAMS["refinezoo"], True)]
    if asked.peer:
        rows += [("pytorch", PROGRAMS["pytorch"], False)]
        rows += [("pytorch compiled", PROGRAMS["pytorch"], True)]
    return rows


def trained(asked, work: Path, rows: list[dict]) -> dict:
    """Trains `cyclegan_fgbg` with the paper's generator, and PixelDA at the paper's size."""
    timed = [
        row["wall_s"]
        for row in rows
        if row["program"] == "refinezoo" and row["batch"] == 1 and "wall_s" in row
    ]
    # A masked step costs about 1.5 of the plain one that was timed.
    steps = max(2, int(asked.train_seconds / (1.5 * min(timed, default=1.0))))
    cyclegan = ["arguments.generator=resnet", f"arguments.width={asked.width}"]
    cyclegan += [f"arguments.blocks={asked.blocks}", f"arguments.discriminator_width={asked.width}"]
    cyclegan += ["arguments.normalised=true", f"synthetic={work / 'scenes'}", f"steps={steps}"]
    cyclegan += [f"arguments.decay_steps=[{steps - steps // 3}, {steps // 3 or 1}]"]
    cyclegan += [f"out={work / 'cyclegan_fgbg'}", f"steps_per_epoch={min(steps, 1000)}"]
    cyclegan += [f"precision={'float32' if asked.tiny else 'mixed_bfloat16'}"]
    if asked.tiny:
        cyclegan += ["image_size=32", "arguments.image_size=32", "masks=null", "samples=0"]
    pixelda_steps = 2 if asked.tiny else int(asked.train_seconds / 0.02)
    study = work / "pixelda.yaml"
    lines = {
        "cyclegan_fgbg": ["train", ROOT / "benchmarks/recipes/cyclegan_fgbg.yaml", *cyclegan],
        "pixelda": ["compare", study],
    }
    data = [sys.executable, HERE / "pose_data.py", work / "pose", "--image-size", "64"]
    subprocess.run([str(word) for word in data], check=True, stdout=subprocess.DEVNULL)
    study.write_text(json.dumps(pose_study(asked, work, pixelda_steps)))
    found: dict = {}
    for name, line in lines.items():
        begun = time.monotonic()
        log = asked.out / f"{name}.log"
        command = [str(word) for word in (sys.executable, "-m", "refinezoo", *line)]
        with log.open("w") as file:
            left = max(5.0, asked.ends + 30 - begun)
            try:
                code = subprocess.run(
                    command, cwd=ROOT, stdout=file, stderr=file, timeout=left
                ).returncode
            except subprocess.TimeoutExpired:
                code = 124
        found[name] = {"exit": code, "seconds": round(time.monotonic() - begun, 1)}
        found[name]["steps"] = steps if name == "cyclegan_fgbg" else pixelda_steps
        results = work / name / "results.json"
        if results.exists():
            found[name]["results"] = json.loads(results.read_text())
        pack(asked.out, name, work / name)
    return found


def pose_study(asked, work: Path, steps: int) -> dict:
    """benchmarks/pose.yaml with the paper's PixelDA: 64 px, width 64, 6 blocks, one seed."""
    size = {"width": 4, "blocks": 1} if asked.tiny else {"width": 64, "blocks": 6}
    adapt = {"class": "PixelDA", **size, "lambda_similarity": 0.1, "lambda_style_transfer": 0.1}
    config = {"image_size": 64, "tower": "doubling", "dropout": 0.0, "lambda_quaternion": 1.0}
    if asked.tiny:
        config |= {"width_multiplier": 0.1}
    return {
        "study": "pixelda",
        "out": str(work / "pixelda"),
        "data": {"root": str(work / "pose")},
        "synthetic": {"folder": "synthetic"},
        "real": {"folders": {"train": "real/train", "test": "real/test"}},
        "refiners": {"pixelda": {"adapt": {**adapt, "decay_steps": max(1, steps // 13)}}},
        "model": {"name": "pose_tower", "task": "pose", "class": "PoseTower", "config": config},
        "training": {"steps": steps, "batch_size": 32, "optimizer": "own", "augmentation": False},
        "arms": {"pixelda": ["pixelda"]},
        "seeds": [0],
        "metrics": ["accuracy", "angle_error_degrees"],
    }


def pack(out: Path, name: str, folder: Path) -> None:
    """What refines and the tables of a run, in parts that fit through a narrow door."""
    kept = [path for path in folder.rglob("*") if path.name in KEPT]
    with tempfile.TemporaryFile() as held:
        with tarfile.open(fileobj=held, mode="w:gz") as tar:
            for path in kept:
                tar.add(path, path.relative_to(folder.parent))
        held.seek(0)
        number = 0
        while part := held.read(PART):
            (out / f"{name}.tar.gz.{number:02}").write_bytes(part)
            number += 1


if __name__ == "__main__":
    main()
