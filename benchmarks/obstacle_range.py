"""Obstacle ranges and flights through a forest: synthetic, colour-transported, target-only.

    python benchmarks/obstacle_range.py --seeds 0 1 2

Source: `ForestWorld`s of the plain look. Target, a stand-in for photos that do not exist: other
worlds of the rich look (other textures and light, haze, noise), rendered too and called so. No
target label is used but by `real`, the target-only arm; `transport` moves the colours of the
source onto unlabelled target frames. All arms train the same steps; nothing is chosen by looking
at the test frames or the worlds of the test flights. Flights: 24 further worlds, rich look; flying
straight on, and flying on the true ranges of the rendered depth (`oracle`), bound what a model
can do with this controller. Finished trainings are not repeated.
"""

import argparse
import json
import shlex
import sys
import time
from datetime import date
from pathlib import Path

import cv2
import keras
import numpy as np

from refinezoo.data.arrays import ArrayBatches
from refinezoo.experiments.compare.recipe import hardware, versions
from refinezoo.experiments.compare.results import markdown_table, rows
from refinezoo.files import atomic_path, write_json
from refinezoo.refiners import Reinhard
from refinezoo.scenes.street import ForestWorld
from refinezoo.tasks.obstacle_range.flight import simulate_flight
from refinezoo.tasks.obstacle_range.obstacle_range import ObstacleRange, sector_ranges
from refinezoo.training import StopOnNaN

ARMS = ("synthetic", "transport", "real")
METRICS = ["mean_abs_error_m", "f1", "flown_m", "collided"]
EPOCHS = 10
SETTINGS = (
    "frames",
    "test_frames",
    "worlds",
    "steps",
    "image_size",
    "batch_size",
    "width",
    "rate",
    "r_max",
    "d_safe",
)
SETS = {"synthetic": (1000, "plain"), "real": (2000, "rich"), "test": (3000, "rich")}
FLIGHTS = 4000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/obstacle_range"))
    parser.add_argument("--results", type=Path, help="JSON to write; default OUT/results.json")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--frames", type=int, default=1500, help="of each look to train on")
    parser.add_argument("--test-frames", type=int, default=400)
    parser.add_argument("--worlds", type=int, default=24, help="to fly through")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--image-size", nargs=2, type=int, default=[96, 128])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--r-max", type=float, default=20.0)
    parser.add_argument("--d-safe", type=float, default=3.0)
    return parser.parse_args()


def frames(name: str, count: int, options: argparse.Namespace) -> dict[str, np.ndarray]:
    """`image` and `range` of a set, rendered once and kept."""
    seed, look = SETS[name]
    size = tuple(options.image_size)
    path = options.out / "frames" / f"{name}_{count}_{size[0]}x{size[1]}_{options.r_max:g}.npz"
    if not path.is_file():
        images, ranges = [], []
        for index in range(count):
            world = ForestWorld((seed, index), look=look)
            frame = world.render(world.random_camera(size))
            images.append(frame.image)
            ranges.append(sector_ranges(frame.depth_m, r_max=options.r_max))
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, image=np.stack(images), range=np.stack(ranges))
        print(f"{name}: {count} frames rendered", flush=True)
    with np.load(path) as data:
        return dict(data)


def train(arm: str, seed: int, data: dict, options: argparse.Namespace) -> ObstacleRange:
    """One training."""
    keras.utils.set_random_seed(seed)
    part = data["real" if arm == "real" else "synthetic"]
    images = part["image"]
    if arm == "transport":
        transport = Reinhard(colour="transport")
        transport.adapt(data["real"]["image"], renders=images)
        images = transport.refine(images)
    model = ObstacleRange(
        image_size=options.image_size,
        r_max=options.r_max,
        width=options.width,
        learning_rate=options.rate,
    )
    model.compile()
    batches = ArrayBatches(
        (images, part["range"]),
        batch_size=options.batch_size,
        steps=-(-options.steps // EPOCHS),
        seed=seed,
    )

    def schedule(epoch, logs=None):
        batches.epoch = epoch
        # A cosine from the rate to nearly nothing.
        model.optimizer.learning_rate = (
            options.rate * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS)) + 1e-5
        )

    callbacks = [StopOnNaN(), keras.callbacks.LambdaCallback(on_epoch_begin=schedule)]
    model.fit(batches, epochs=EPOCHS, shuffle=False, verbose=2, callbacks=callbacks)
    return model


def fly(predict, options: argparse.Namespace) -> dict[str, float]:
    """The mean flight over the worlds of the test."""
    flights = [
        simulate_flight(
            predict, ForestWorld((FLIGHTS, k), look="rich"), image_size=tuple(options.image_size)
        )
        for k in range(options.worlds)
    ]
    return {
        "flown_m": float(np.mean([flight.progress_m for flight in flights])),
        "collided": float(np.mean([flight.collided for flight in flights])),
    }


def kept(path: Path, recipe: dict, measure) -> dict:
    """What `measure()` gave under the same recipe, measured now if it was not."""
    if path.is_file() and (result := json.loads(path.read_text()))["recipe"] == recipe:
        return result
    started = time.monotonic()
    metrics = measure()
    result = {
        "metrics": metrics,
        "minutes": round((time.monotonic() - started) / 60, 2),
        "recipe": recipe,
    }
    write_json(path, result)
    print(f"{path.parent}: {metrics}, {result['minutes']:.1f} min", flush=True)
    return result


def main() -> None:
    """Measures what is missing, then writes table and JSON."""
    options = arguments()
    cv2.setNumThreads(1)
    recipe = {name: getattr(options, name) for name in SETTINGS}
    counts = {"synthetic": options.frames, "real": options.frames, "test": options.test_frames}
    data = {name: frames(name, count, options) for name, count in counts.items()}
    test = data["test"]

    def measure(arm, seed):
        model = train(arm, seed, data, options)
        model.save_to_preset(options.out / arm / f"seed_{seed}" / "preset")
        scores = model.evaluate_ranges(test["image"], test["range"], d_safe=options.d_safe)
        flown = fly(lambda frame: model.predict_ranges(frame.image[None])[0], options)
        return {name: {**scores, **flown}[name] for name in METRICS}

    bounds = {
        "straight": None,
        "oracle": lambda frame: sector_ranges(frame.depth_m, r_max=options.r_max),
    }
    reference = {
        name: kept(options.out / name / "result.json", recipe, lambda p=predict: fly(p, options))
        for name, predict in bounds.items()
    }
    mean = np.log(data["synthetic"]["range"]).mean()
    constant = float(np.abs(np.exp(mean) - test["range"]).mean())
    scores: dict = {}
    minutes: dict = {}
    for seed in options.seeds:
        for arm in sorted(options.arms, key=ARMS.index):
            path = options.out / arm / f"seed_{seed}" / "result.json"
            result = kept(path, recipe, lambda a=arm, s=seed: measure(a, s))
            scores.setdefault(arm, {})[seed] = result["metrics"]
            minutes.setdefault(arm, []).append(result["minutes"])
    arms = list(scores)
    write_json(
        options.results or options.out / "results.json",
        {
            "study": "obstacle_range",
            "recipe": {
                "command": shlex.join(["python", "benchmarks/obstacle_range.py", *sys.argv[1:]]),
                "settings": recipe | {"seeds": options.seeds},
                "test": {
                    "name": "rendered frames and worlds of the rich look (composed, no photos)",
                    "pictures": len(test["image"]),
                    "worlds": options.worlds,
                    "course_m": 60.0,
                    "collision_share": float((test["range"] < options.d_safe).mean()),
                },
                "minutes_with_flights": minutes,
                "metric_rule": "mean |r - r_hat| over 16 sectors; F1 of r < d_safe over all "
                "sectors; mean metres of the 60 m course before a collision; share of collisions",
                "reference": {
                    **{name: result["metrics"] for name, result in reference.items()},
                    "constant": {"mean_abs_error_m": constant},
                },
                "hardware": hardware(),
                "versions": versions(),
                "backend": keras.backend.backend(),
                "date": date.today().isoformat(),
            },
            "rows": rows("obstacle_range", arms, METRICS, scores),
        },
    )
    print(markdown_table("obstacle_range", arms, METRICS, scores))


if __name__ == "__main__":
    main()
