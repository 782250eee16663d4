"""Depth of a real room, learned from a synthetic one: all-synthetic, T2Net and all-real.

    python benchmarks/depth_indoor.py --data FOLDER/rgbd_indoor --seeds 0 1 2

The same U-Net, reduced in width, is trained at 96 x 128 on renders with depth (`synthetic`), by
T2Net on renders with depth and photos without (`t2net`), on renders that this T2Net refined
(`separate`, on request) and on photos with depth (`real`), each for the same steps; all are
measured on the same labelled photos at their full 240 x 320. `constant` says the mean depth of the
renders everywhere. Finished trainings are not repeated.

The photos are for non-commercial research: they stay in FOLDER, the picture of the results in
--out, and only numbers go into --results.
"""

import argparse
import json
import os
import shlex
import sys
import time
from datetime import date
from pathlib import Path

import cv2
import keras
import numpy as np

from refinezoo.data.arrays import ArrayBatches, UnpairedArrays
from refinezoo.data.augmentation import Augmentation
from refinezoo.data.depth import AugmentedBatches, read_depth_folder
from refinezoo.experiments.compare.recipe import files_fingerprint, hardware, versions
from refinezoo.experiments.compare.results import markdown_table, rows
from refinezoo.files import atomic_path, write_json
from refinezoo.metrics.depth import depth_metrics
from refinezoo.models.presets import load_preset
from refinezoo.refiners import T2Net
from refinezoo.tasks.depth.depth_unet import DepthUNet
from refinezoo.training import StopOnNaN

SIZE = (96, 128)
EPOCH = 50  # steps between lines of the log
RANGE = {"min_depth": 0.5, "max_depth": 5.0}  # metres; the truth lies between 0.8 and 4
METRICS = ["abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3"]
ARMS = ("synthetic", "t2net", "separate", "real")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder rgbd_indoor")
    parser.add_argument("--out", type=Path, default=Path("runs/depth_indoor"))
    parser.add_argument("--results", type=Path, help="JSON to write; default OUT/results.json")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=["synthetic", "t2net", "real"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--width", type=int, default=12, help="64 in the paper")
    parser.add_argument("--residual", action="store_true", help="T2Net starts as the identity")
    parser.add_argument(
        "--measured-on",
        choices=("test", "train"),
        default="test",
        help="train: 40 labelled frames of the train split, to choose a recipe",
    )
    parser.add_argument("--rate", type=float, default=5e-4, help="of G and D; T has twice it")
    return parser.parse_args()


def load(folder: Path, measured_on: str) -> dict[str, dict[str, np.ndarray]]:
    """The renders, the photos to train on and the photos to measure on (truth at full size)."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    unit = meta["depth_unit_m"]
    stems = meta["real_test"] if measured_on == "test" else meta["real_train"][-40:]
    test = read_depth_folder(folder / "real", unit_m=unit, stems=stems)
    small = read_depth_folder(folder / "real", SIZE, unit_m=unit, stems=stems)
    return {
        "synthetic": read_depth_folder(folder / "synthetic", SIZE, unit_m=unit),
        "real": read_depth_folder(folder / "real", SIZE, unit_m=unit, stems=meta["real_train"]),
        "test": {"image": small["image"], "depth_m": test["depth_m"]},
    }


def train(arm: str, seed: int, data: dict, options: argparse.Namespace):
    """One training; the model, in the end."""
    keras.utils.set_random_seed(seed)
    decay = (round(0.6 * options.steps), options.steps - round(0.6 * options.steps))
    common = {"width": options.width, "max_depth": RANGE["max_depth"], "decay_steps": decay}
    epochs = -(-options.steps // EPOCH)
    stream = {"batch_size": options.batch_size, "steps": options.steps // epochs, "seed": seed}
    synthetic, real = data["synthetic"], data["real"]
    if arm == "t2net":
        model = T2Net.indoor(
            **common,
            image_size=SIZE,
            residual=options.residual,
            seed=seed,
            learning_rate=options.rate,
            depth_learning_rate=2 * options.rate,
        )
        batches = UnpairedArrays(synthetic, {"image": real["image"]}, **stream)
    else:
        model = DepthUNet(**common, learning_rate=2 * options.rate)
        records = real if arm == "real" else synthetic
        images = records["image"]
        if arm == "separate":
            images = load_preset(options.out / "t2net" / f"seed_{seed}" / "preset").refine(images)
        batches = ArrayBatches((images, records["depth_m"]), **stream)
    model.compile()
    augmented = AugmentedBatches(batches, Augmentation(flip=0.5, rotate=5), seed=seed)
    history = model.fit(
        augmented, epochs=epochs, shuffle=False, verbose=2, callbacks=[StopOnNaN()]
    ).history
    return model, {name: values[-1] for name, values in history.items()}


def run(arm: str, seed: int, data: dict, options: argparse.Namespace) -> dict:
    """The result of one training, from its folder if it is done."""
    folder = options.out / arm / f"seed_{seed}"
    recipe = {name: getattr(options, name) for name in ("steps", "batch_size", "width", "rate")}
    recipe |= {"residual": options.residual} if arm == "t2net" else {}
    recipe |= {"measured_on": "train"} if options.measured_on == "train" else {}
    path = folder / "result.json"
    if path.is_file() and (result := json.loads(path.read_text()))["recipe"] == recipe:
        return result
    started = time.monotonic()
    model, losses = train(arm, seed, data, options)
    seconds = time.monotonic() - started
    model.save_to_preset(folder / "preset")
    metrics = model.evaluate_depth(data["test"]["image"], data["test"]["depth_m"], **RANGE)
    result = {
        "arm": arm,
        "seed": seed,
        "metrics": metrics,
        "losses": losses,
        "seconds": round(seconds, 1),
        "recipe": recipe,
        "depth_parameters": int(model.depth_network.count_params()),
    }
    write_json(path, result)
    print(f"{arm}, seed {seed}: abs_rel {metrics['abs_rel']:.3f}, {seconds / 60:.1f} min")
    return result


def constant(data: dict) -> dict[str, float]:
    """The metrics of the mean depth of the renders, said everywhere."""
    depth, truth = data["synthetic"]["depth_m"], data["test"]["depth_m"]
    return depth_metrics(np.full_like(truth, depth[depth > 0].mean()), truth, **RANGE)


def grid(options: argparse.Namespace, data: dict, path: Path) -> None:
    """Renders above photos: as they are, through the translator, their depth, the truth."""
    model = load_preset(options.out / "t2net" / f"seed_{options.seeds[0]}" / "preset")

    def coloured(depth):
        # Nearest: holes stay black and do not mix with what is known.
        maps = [cv2.resize(one, SIZE[::-1], interpolation=cv2.INTER_NEAREST) for one in depth]
        near = [np.uint8(255 * (1 - np.clip(one / 4, 0, 1))) for one in maps]
        colours = [cv2.applyColorMap(one, cv2.COLORMAP_TURBO)[..., ::-1] for one in near]
        return np.stack([c * (m > 0)[..., None] for c, m in zip(colours, maps, strict=True)])

    lines = []
    for half in ("synthetic", "test"):
        images, truth = data[half]["image"], data[half]["depth_m"]
        rows = np.linspace(0, len(images) - 1, 3).astype(int)
        images, truth = images[rows], truth[rows]
        refined = model.refine(images)
        # What T saw: refined renders in training, raw photos after it.
        depth = model.predict_depth(refined if half == "synthetic" else images)
        columns = (images, refined, coloured(depth), coloured(truth))
        lines += [np.concatenate([column[i] for column in columns], axis=1) for i in range(3)]
    with atomic_path(path) as temporary:
        cv2.imwrite(str(temporary), np.concatenate(lines)[..., ::-1])


def main() -> None:
    """Trains what is missing, then writes table, JSON and picture."""
    options = arguments()
    data = load(options.data, options.measured_on)
    scores: dict = {"constant": {0: constant(data)}}
    seconds: dict = {}
    for seed in options.seeds:
        for arm in sorted(options.arms, key=ARMS.index):
            result = run(arm, seed, data, options)
            scores.setdefault(arm, {})[seed] = result["metrics"]
            seconds.setdefault(arm, []).append(result["seconds"])
    arms = list(scores)
    meta = options.data / "meta.json"
    write_json(
        options.results or options.out / "results.json",
        {
            "study": "depth_indoor",
            "recipe": {
                "command": shlex.join(["python", "benchmarks/depth_indoor.py", *_shown(sys.argv)]),
                "settings": {
                    "image_size": SIZE,
                    "steps": options.steps,
                    "batch_size": options.batch_size,
                    "width": options.width,
                    "learning_rate": options.rate,
                    "depth_learning_rate": 2 * options.rate,
                    "configuration": "indoor",
                    "residual": options.residual,
                    "seeds": options.seeds,
                },
                "test": {
                    "name": f"rgbd_indoor real_{options.measured_on}",
                    "photos": len(data["test"]["image"]),
                    "split_sha256": files_fingerprint([meta]),
                },
                "training_seconds": seconds,
                "metric_rule": "per-image mean over known pixels between "
                f"{RANGE['min_depth']} and {RANGE['max_depth']} m at 240 x 320, no median scaling",
                "hardware": hardware(),
                "versions": versions(),
                "backend": keras.backend.backend(),
                "date": date.today().isoformat(),
                "licence": "photos of 7-Scenes: non-commercial research",
            },
            "rows": rows("depth_unet", arms, METRICS, scores),
        },
    )
    if "t2net" in scores:
        grid(options, data, options.out / "grid.png")
    print(markdown_table("depth_unet", arms, METRICS, scores))


def _shown(argv: list[str]) -> list[str]:
    """The arguments without the folders of this machine."""
    shown = list(argv[1:])
    for place, word in enumerate(shown[:-1]):
        if word in ("--data", "--out", "--results") and os.path.isabs(shown[place + 1]):
            shown[place + 1] = Path(shown[place + 1]).name
    return shown


if __name__ == "__main__":
    main()
