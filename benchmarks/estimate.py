"""What `refinezoo train --estimate` says of memory and time beside what a training takes.

    python benchmarks/estimate.py
    python benchmarks/estimate.py "held out"
    python benchmarks/estimate.py "512 px" --steps 0     # the estimate alone

Each cell is a process that tells its estimate, and another one that takes a few steps of the same
training by `fit`. Peak memory is that of the second; the time is that of the fastest step.
Data: a few rendered street frames. Rows of other cells stay in the file of results.
"""

import argparse
import json
import platform
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def gan(**values) -> dict:
    """A training of a CycleGAN, or of another refiner."""
    side = values.pop("side")
    batch = values.pop("batch")
    refiner = values.pop("refiner", "CycleGAN")
    synthetic = values.pop("synthetic", "images")
    return {
        "refiner": refiner,
        "arguments": {"image_size": side, **values},
        "image_size": side,
        "batch_size": batch,
        "synthetic": synthetic,
        "real": "images",
        "steps": 100,
        "augment": False,
        "out": "run",
    }


def task(name: str, batch: int, settings: dict | None = None, **values) -> dict:
    """A training of a downstream model."""
    return {
        "model": {"class": name, "config": values},
        "settings": settings or {},
        "data": "maps" if name in ("DeepLabV2", "DepthUNet") else ".",
        "training": {"steps": 100, "batch_size": batch, "augmentation": False},
        "out": "run",
    }


MAKE = [sys.executable, "-m", "refinezoo", "street"]
SMALL = {"width": 16, "blocks": 2}
DEEPLAB = {"backbone": "resnet101", "width_multiplier": 0.25, "depth_multiplier": 0.3}
DEEPLAB |= {"batch_norm": True, "rates": [1, 2, 4, 6], "image_size": [96, 128]}
DEEPLAB |= {"class_names": list(map(str, range(11))), "ignore_id": 11}
SSD = {"image_size": 128, "width_multiplier": 0.25, "batch_norm": True}
DEPTH = {"image_size": [96, 128], "max_depth": 80.0}
CELLS = {
    "CycleGAN, resnet, width 16, 64 px, batch 1": gan(side=64, batch=1, **SMALL),
    "CycleGAN, resnet, width 16, 128 px, batch 4": gan(side=128, batch=4, **SMALL),
    "CycleGAN, resnet, width 16, 256 px, batch 1": gan(side=256, batch=1, **SMALL),
    "CycleGAN, resnet, width 32, 128 px, batch 1": gan(side=128, batch=1, width=32, blocks=4),
    "the same, gradient checkpointing": gan(
        side=128, batch=1, width=32, blocks=4, gradient_checkpointing=True
    ),
    "CycleGAN, affine, width 16, 128 px, batch 4": gan(
        side=128, batch=4, generator="affine", **SMALL
    ),
    "SimGAN, width 16, 96 px, batch 4": gan(refiner="SimGAN", side=96, batch=4, width=16),
    "SSD300, 128 px, batch 16": task("SSD300", 16, **SSD),
    "DeepLabV2, ResNet-101 at .25, 96 x 128 px, batch 8": task("DeepLabV2", 8, **DEEPLAB),
}
YOLO = {"image_size": 160, "width_multiplier": 0.25, "depth_multiplier": 0.25}
OTHERS = {
    "CycleGAN, resnet, width 24, 3 blocks, 192 px, batch 2": gan(
        side=192, batch=2, width=24, blocks=3
    ),
    "CycleGAN, projected judge, width 12, 3 blocks, 160 px, batch 2": gan(
        side=160, batch=2, width=12, blocks=3, discriminator="projected"
    ),
    "T2Net, width 16, 96 px, batch 2": gan(
        refiner="T2Net", side=96, batch=2, width=16, max_depth=80.0, synthetic="maps"
    ),
    "DepthUNet, width 12, 96 x 128 px, batch 4": task(
        "DepthUNet", 4, DEPTH, width=12, max_depth=80.0
    ),
    "YOLOv3 at .25, 160 px, batch 6": task("YOLOv3", 6, **YOLO),
}
PROJECTED = {"residual": True, "upsampling": "resize", "discriminator": "both", "normalised": False}
LITE0 = {"class_names": DEEPLAB["class_names"], "ignore_id": 11, "image_size": [96, 128]}
LITE0 |= {"backbone": "efficientnet_lite0", "output_stride": 16, "rates": [1, 2, 4, 6]}
PVANET = {"image_size": 160, "backbone": "efficientnet_lite0", "width_multiplier": 0.25}
HELD_OUT = {  # on which no constant of the estimate was chosen
    "held out: CycleGAN of cyclegan_projected, 128 px, batch 1": gan(
        side=128, batch=1, width=24, blocks=4, colour="transport", **PROJECTED
    ),
    "held out: CycleGAN, resnet, width 32, 6 blocks, 96 px, batch 3": gan(
        side=96, batch=3, width=32, blocks=6
    ),
    "held out: CycleGAN, resnet, width 24, 256 px, batch 1, gradient checkpointing": gan(
        side=256, batch=1, width=24, blocks=4, gradient_checkpointing=True
    ),
    "held out: PVANET on EfficientNet-Lite0, 160 px, batch 4": task("PVANET", 4, **PVANET),
    "held out: DeepLabV2 on EfficientNet-Lite0, 96 x 128 px, batch 6": task(
        "DeepLabV2", 6, **LITE0, scales=[1]
    ),
}
LARGE = {  # minutes each, and the first one more memory than many machines have
    "CycleGAN, width 64, 9 blocks, 512 px, batch 1": gan(side=512, batch=1),
    "CycleGAN, width 64, 9 blocks, 512 px, batch 1, gradient checkpointing": gan(
        side=512, batch=1, gradient_checkpointing=True
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", nargs="*", help="words of its name; small ones by default")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results/estimate.json")
    parser.add_argument("--asked", choices=("estimate", "measured"), help=argparse.SUPPRESS)
    parser.add_argument("--cell", type=json.loads, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.asked:
        told = estimated(asked.cell) if asked.asked == "estimate" else measured(**vars(asked))
        print(json.dumps(told))
        return
    found = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    rows = found.get("rows", [])
    command = " ".join(["python", "benchmarks/estimate.py", *map(shlex.quote, sys.argv[1:])])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*MAKE, folder, "--count", "16", "--image-size", "256x320"], check=True)
        # Of maps: the same without the boxes, which else are what the folder is for.
        boxes = shutil.ignore_patterns("maps", "*.json")
        shutil.copytree(folder, Path(folder) / "maps", ignore=boxes)
        for name, values in (
            CELLS | OTHERS | HELD_OUT | LARGE if asked.cells else CELLS | OTHERS
        ).items():
            if all(word in name for word in asked.cells):
                told = compared(values, asked.steps, folder)
                row = {"cell": name, "command": command, **told}
                print(json.dumps(row), flush=True)
                rows = [other for other in rows if other["cell"] != name] + [row]
                found |= {"machine": platform.machine(), "rows": rows}
                asked.out.write_text(json.dumps(found, indent=1) + "\n")


def compared(values: dict, steps: int, folder: str) -> dict:
    """Estimate and measurement of one training, a process each, and their ratios."""
    row: dict = {}
    for asked in ("estimate", "measured")[: 2 if steps else 1]:
        line = [sys.executable, Path(__file__).resolve(), "--steps", str(steps)]
        line += ["--asked", asked, "--cell", json.dumps(values)]
        run = subprocess.run(line, stdout=subprocess.PIPE, text=True, cwd=folder)
        if run.returncode:
            return {"ended_with": run.returncode}
        row[asked] = json.loads(run.stdout.splitlines()[-1])
    if steps:
        told, took = row["estimate"], row["measured"]
        row["memory_ratio"] = round(told["memory_mb"] / took["memory_mb"], 2)
        row["time_ratio"] = round(told["seconds_per_step"] / took["cpu_s_per_step"], 2)
    return row


def configured(values: dict):
    """The config of a training."""
    from refinezoo.config import validate
    from refinezoo.experiments.train import TaskTraining, TrainingConfig

    return validate(TaskTraining if "model" in values else TrainingConfig, values, "the cell")


def estimated(values: dict) -> dict:
    """What is told of it before it starts."""
    from refinezoo.experiments.train.estimate import estimate

    told = estimate(configured(values), memory_mb=1e9)
    kept = ("memory_mb", "process_mb", "graph_mb", "maps_mb", "seconds_per_step", "step", "rates")
    return {key: told[key] for key in kept}


def measured(cell: dict, steps: int, **_) -> dict:
    """Peak and CPU seconds of its fastest step."""
    import keras

    from refinezoo.experiments.train.estimate import ready
    from refinezoo.memory import peak_mb

    times = []
    with ready(configured(cell)) as (model, data):
        watch = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda step, logs: times.append(cpu_s()),
            on_train_batch_end=lambda step, logs: times.append(cpu_s()),
        )
        model.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[watch])
    took = min(end - start for start, end in zip(times[::2], times[1::2], strict=True))
    return {"memory_mb": round(peak_mb()), "cpu_s_per_step": round(took, 3)}


def cpu_s() -> float:
    """Seconds of processor time so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
