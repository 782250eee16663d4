"""What the projected judge adds to a CycleGAN training step, with the real features.

    python benchmarks/judge_speed.py

The recipe of `recipes/cyclegan_projected.yaml` (128 px, batch 1) with
the method's own patches, with the projected judge on EfficientNet-Lite0 from ImageNet, and with
both. The three take turns of a few steps in one process; the table has medians of processor seconds
a step, the ratio to patches is taken turn by turn.
"""

import argparse
import json
import statistics
import sys
import time
from datetime import date
from pathlib import Path

import keras
import numpy as np

from refinezoo.experiments.compare.recipe import hardware, versions
from refinezoo.files import write_json
from refinezoo.refiners import CycleGAN

HERE = Path(__file__).parent
KINDS = ("patch", "projected", "both")


def main() -> None:
    """Measures and writes results/judge_speed.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="training steps of a turn")
    asked = parser.parse_args()
    models = {kind: made(kind, asked) for kind in KINDS}
    turns: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(asked.rounds + 1):
        for kind in sorted(KINDS, reverse=bool(number % 2)):
            turns[kind].append(turn(models[kind], asked))
            print(kind, round(turns[kind][-1], 3), flush=True)
    turns = {kind: times[1:] for kind, times in turns.items()}  # the first one warms up
    rows = {}
    for kind, times in turns.items():
        pairs = zip(times, turns["patch"], strict=True)
        ratios = [own / patch for own, patch in pairs]
        rows[kind] = {"cpu_s": round(statistics.median(times), 3)}
        rows[kind]["of_patch"] = round(statistics.median(ratios), 3)
        rows[kind]["of_patch_range"] = [round(min(ratios), 3), round(max(ratios), 3)]
        rows[kind]["trained"] = sum(
            int(np.prod(weight.shape)) for weight in models[kind].trainable_weights
        )
    found = {"command": _command(), "settings": vars(asked)}
    found |= {"backend": keras.backend.backend(), "rows": rows}
    found |= {"hardware": hardware(), "versions": versions(), "date": date.today().isoformat()}
    write_json(HERE / "results/judge_speed.json", found)
    print(json.dumps(rows, indent=1))


def _command() -> str:
    return " ".join(["python", "benchmarks/judge_speed.py", *sys.argv[1:]])


def made(kind: str, asked: argparse.Namespace) -> CycleGAN:
    """A compiled refiner that has taken its first step."""
    keras.utils.set_random_seed(0)
    judge = {"taps": 3, "blur_steps": 1500} if kind != "patch" else {}
    model = CycleGAN(
        image_size=asked.size,
        width=asked.width,
        blocks=asked.blocks,
        upsampling="resize",
        residual=True,
        discriminator_width=32,
        normalised=False,
        lambda_cycle=2.0,
        lambda_identity=0.0,
        ema_decay=0.999,
        discriminator=kind,
        judge=judge,
    )
    model.compile()
    turn(model, asked)  # tracing, the first pages of memory
    return model


def turn(model: CycleGAN, asked: argparse.Namespace) -> float:
    """Processor seconds of a step."""
    rng = np.random.default_rng(0)
    batches = []
    for _ in range(asked.steps):
        images = rng.integers(0, 256, (2, 1, asked.size, asked.size, 3), "uint8")
        batches.append({"synthetic": {"image": images[0]}, "real": {"image": images[1]}})
    before = time.process_time()
    for batch in batches:
        model.train_on_batch(batch)
    return (time.process_time() - before) / asked.steps


if __name__ == "__main__":
    main()
