"""Class and rotation of 11 groceries: source-only, PixelDA and target-only, one task tower.

    python benchmarks/pose.py --seeds 0 1 2

Source: renders on black. Target, a stand-in for photos that do not exist: the same objects set
into shop photos under other light. 72 views of each object are for training, 18 for the test, and
the photos behind them differ too. No target label is used but by `real`, the target-only arm.
All arms train T for the same steps on batches of 32. Nothing is chosen by looking at the test:
`--measured-on validation` takes a seventh of the training views. Finished trainings are not
repeated.
"""

import argparse
import json
import shlex
import sys
import time
from datetime import date
from pathlib import Path

import keras
import numpy as np

from refinezoo.data import list_images
from refinezoo.data.arrays import ArrayBatches, UnpairedArrays
from refinezoo.data.pose import load_pose_views, photographed, split_views
from refinezoo.experiments.compare.recipe import files_fingerprint, hardware, versions
from refinezoo.experiments.compare.results import markdown_table, rows
from refinezoo.files import write_json
from refinezoo.refiners import PixelDA
from refinezoo.tasks.pose.pose_tower import PoseTower
from refinezoo.training import SampleGrid, StopOnNaN

HERE = Path(__file__).parent
VIEWS = HERE / "data" / "pose" / "grocery_pose_synth_64.npz"
PHOTOS = HERE / "data" / "fridge" / "unlabelled"
ARMS = ("synthetic", "pixelda", "real")
METRICS = ["accuracy", "angle_error_degrees"]
EPOCHS = 10
SETTINGS = (
    "steps",
    "image_size",
    "batch_size",
    "tower",
    "tower_width",
    "dropout",
    "quaternion_weight",
    "width",
    "blocks",
    "similarity_weight",
    "task_in_g_weight",
    "style_transfer_weight",
    "rate",
    "measured_on",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/pose"))
    parser.add_argument("--results", type=Path, help="JSON to write; default OUT/results.json")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--image-size", type=int, default=32, help="64 in the paper")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--tower", default="doubling")
    parser.add_argument("--tower-width", type=float, default=1.0)
    parser.add_argument("--dropout", type=float, default=0.0, help="of T; 0.5 in the paper")
    parser.add_argument(
        "--quaternion-weight",
        type=float,
        default=1.0,
        help="xi of renders, half of it for refined images; 0.25 in the paper",
    )
    parser.add_argument("--measured-on", choices=("test", "validation"), default="test")
    parser.add_argument("--width", type=int, default=16, help="of G and D; 64 in the paper")
    parser.add_argument("--blocks", type=int, default=3, help="6 in the paper")
    parser.add_argument("--similarity-weight", type=float, default=0.1)
    parser.add_argument("--task-in-g-weight", type=float, default=0.0100959947002)
    parser.add_argument(
        "--style-transfer-weight", type=float, default=0.1, help="0.0113 in the paper"
    )
    parser.add_argument("--rate", type=float, default=1e-3)
    return parser.parse_args()


def load(image_size: int, measured_on: str) -> tuple[dict, list[str]]:
    """Renders to train on, their counterparts over photos, and those to measure on."""
    views, names = load_pose_views(VIEWS, image_size)
    train, test = split_views(views["label"], 0.2, seed=0)
    if measured_on == "validation":
        kept, held_out = split_views(views["label"][train], 1 / 7, seed=3)
        train, test = train[kept], train[held_out]
    photos = list_images(PHOTOS)

    def part(picked):
        return {key: value[picked] for key, value in views.items()}

    return {
        "synthetic": part(train),
        "real": photographed(part(train), photos[::2], copies=4, seed=1),
        "test": photographed(part(test), photos[1::2], copies=3, seed=2),
    }, names


def train(arm: str, seed: int, data: dict, names: list[str], options: argparse.Namespace):
    """One training; the task model, and the refiner of `pixelda`."""
    keras.utils.set_random_seed(seed)
    per_epoch = -(-options.steps // EPOCHS)
    stream = {"batch_size": options.batch_size, "steps": per_epoch, "seed": seed}
    tower = {
        "image_size": options.image_size,
        "tower": options.tower,
        "learning_rate": options.rate,
    }
    callbacks = [StopOnNaN()]
    if arm == "pixelda":
        model = PixelDA(
            class_names=names,
            quaternion=True,
            width=options.width,
            blocks=options.blocks,
            tower_width=options.tower_width,
            tower_dropout=options.dropout,
            quaternion_weights=(options.quaternion_weight, options.quaternion_weight / 2),
            similarity_weight=options.similarity_weight,
            task_in_g_weight=options.task_in_g_weight,
            style_transfer_weight=options.style_transfer_weight,
            # The paper's staircase, as often over these steps as over its own.
            decay_steps=max(2, 2 * options.steps // 25),
            seed=seed,
            **tower,
        )
        batches = UnpairedArrays(data["synthetic"], {"image": data["real"]["image"]}, **stream)
        shown = data["synthetic"]["image"][:: len(data["synthetic"]["image"]) // 8]
        callbacks.append(SampleGrid(shown, options.out / arm / f"seed_{seed}" / "samples"))
    else:
        model = PoseTower(
            names,
            width=options.tower_width,
            dropout=options.dropout,
            quaternion_weight=options.quaternion_weight,
            **tower,
        )
        part = data[arm]
        targets = {key: part[key] for key in ("label", "quaternion")}
        batches = ArrayBatches((part["image"], targets), **stream)
    model.compile()
    callbacks.append(
        keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: setattr(batches, "epoch", epoch)
        )
    )
    model.fit(batches, epochs=EPOCHS, shuffle=False, verbose=2, callbacks=callbacks)
    return (PoseTower.from_pixelda(model), model) if arm == "pixelda" else (model, None)


def run(arm: str, seed: int, data: dict, names: list[str], options: argparse.Namespace) -> dict:
    """The result of one training, from its folder if it is done."""
    folder = options.out / arm / f"seed_{seed}"
    recipe = {name: getattr(options, name) for name in SETTINGS}
    path = folder / "result.json"
    if path.is_file() and (result := json.loads(path.read_text()))["recipe"] == recipe:
        return result
    started = time.monotonic()
    model, refiner = train(arm, seed, data, names, options)
    minutes = (time.monotonic() - started) / 60
    model.save_to_preset(folder / "preset")
    if refiner is not None:
        refiner.save_to_preset(folder / "refiner")
    test = data["test"]
    metrics = model.evaluate_pose(test["image"], test["label"], test["quaternion"])
    result = {"metrics": metrics, "minutes": round(minutes, 2), "recipe": recipe}
    write_json(path, result)
    print(f"{arm}, seed {seed}: {metrics}, {minutes:.1f} min", flush=True)
    return result


def main() -> None:
    """Trains what is missing, then writes table and JSON."""
    options = arguments()
    data, names = load(options.image_size, options.measured_on)
    scores: dict = {}
    minutes: dict = {}
    for seed in options.seeds:
        for arm in sorted(options.arms, key=ARMS.index):
            result = run(arm, seed, data, names, options)
            scores.setdefault(arm, {})[seed] = result["metrics"]
            minutes.setdefault(arm, []).append(result["minutes"])
    arms = list(scores)
    counts = np.bincount(data["test"]["label"])
    write_json(
        options.results or options.out / "results.json",
        {
            "study": "pose",
            "recipe": {
                "command": shlex.join(["python", "benchmarks/pose.py", *sys.argv[1:]]),
                "settings": {name: getattr(options, name) for name in SETTINGS}
                | {"seeds": options.seeds},
                "test": {
                    "name": f"{counts.min() // 3} unseen views of 11 objects in 3 shop photos each "
                    "(composed)",
                    "pictures": len(data["test"]["label"]),
                    "per_class": int(counts.min()),
                    "views_sha256": files_fingerprint([VIEWS]),
                },
                "training_minutes": minutes,
                "metric_rule": "accuracy; mean of 2 acos(|<q, q_hat>| - 1e-4) in degrees over all "
                "pictures, as in PixelDA's code",
                "hardware": hardware(),
                "versions": versions(),
                "backend": keras.backend.backend(),
                "date": date.today().isoformat(),
            },
            "rows": rows("pose_tower", arms, METRICS, scores),
        },
    )
    print(markdown_table("pose_tower", arms, METRICS, scores))


if __name__ == "__main__":
    main()
