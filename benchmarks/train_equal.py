"""Whether the same CycleGAN, trained as long, refines as well in refinezoo as in PyTorch.

    python benchmarks/train_equal.py --peer PEER/bin/python     # 1500 steps: 40 minutes of a core

The programs of `train_speed.py`, several seeds each, on images in memory: composed products, cut
out at 64 px, to photos of products whose labels stay unread. Equal means equal distance of refined
products to further photos (KID of pooled ImageNet features) and equal accuracy on these photos of a
linear classifier of such features that has seen refined products alone.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import keras
import numpy as np
from train_speed import HERE, PROGRAMS, ask, start

import refinezoo
from refinezoo.data import read_image
from refinezoo.files import write_json
from refinezoo.metrics.kid import kid, pooled_features

FRIDGE = HERE / "data/fridge"
SIDE, MARGIN = 64, 0.1
SETTINGS = {"image_size": SIDE, "width": 16, "blocks": 3, "batch_size": 1, "precision": "float32"}
SETTINGS |= {"threads": 1, "compiled": False, "peak": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True, help="a Python that has torch 2.13")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--products", type=int, default=1000, help="composed ones to train on")
    parser.add_argument("--out", type=Path, default=HERE / "results/train_equal.json")
    asked = parser.parse_args()
    pythons = {"refinezoo": sys.executable, "pytorch": asked.peer}
    with tempfile.TemporaryDirectory() as folder:
        scenes = Path(folder) / "scenes"
        compose = [sys.executable, "-m", "refinezoo", "compose", scenes, "--count", "160"]
        subprocess.run([*compose, "--image-size", "160", "--seed", "7", "-q"], check=True)
        synthetic, names = cut_out(scenes / "annotations.json", scenes / "images", asked.products)
        real, _ = cut_out(FRIDGE / "train.json", FRIDGE / "images")
        test = cut_out(FRIDGE / "test.json", FRIDGE / "images")
        np.savez(data := Path(folder) / "products.npz", synthetic=synthetic, real=real)
        seen = Features()
        photos, true = seen(test[0]), test[1]
        rows = {"synthetic": [judged(seen(synthetic), names, photos, true)]}
        print(json.dumps(rows), flush=True)
        for seed in asked.seeds:
            for name, python in pythons.items():
                settings = SETTINGS | {"data": str(data), "seed": seed}
                refined, step = trained(python, PROGRAMS[name], settings, name, asked.steps)
                change = np.abs(refined.astype("float32") - synthetic).mean()
                row = {
                    "seed": seed,
                    **judged(seen(refined), names, photos, true),
                    "change": float(change),
                    "cpu_s": step,
                }
                rows.setdefault(name, []).append(row)
                print(json.dumps({name: row}), flush=True)
    told = {"settings": SETTINGS, "steps": asked.steps, "products": len(synthetic), "rows": rows}
    told["sets"] = {"photos": len(real), "test photos": len(photos)}
    told["mean"] = {
        name: {
            key: [round(summary([row[key] for row in found]), 4) for summary in (mean, spread)]
            for key in found[0]
            if key != "seed"
        }
        for name, found in rows.items()
    }
    words = ["PEER" if word == asked.peer else word for word in sys.argv[1:]]
    told["command"] = " ".join(["python benchmarks/train_equal.py", *words])
    write_json(asked.out, told)


class Features:
    """Pooled features of EfficientNet-Lite0 from ImageNet."""

    def __init__(self):
        self.backbone = refinezoo.load("efficientnet_lite0_imagenet").backbone(taps=(32,))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return pooled_features(self.backbone, images, size=160)


def cut_out(
    annotations: Path, images: Path, most: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Products of a COCO file, the largest first: uint8 `[N, SIDE, SIDE, 3]` and names `[N]`."""
    coco = json.loads(annotations.read_text())
    files = {row["id"]: row["file_name"] for row in coco["images"]}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    boxes = [box for box in coco["annotations"] if not box["iscrowd"]]
    boxes.sort(key=lambda box: -box["bbox"][2] * box["bbox"][3])
    products = []
    for box in boxes[:most]:
        image = read_image(images / files[box["image_id"]])
        x, y, width, height = box["bbox"]
        half = (0.5 + MARGIN) * max(width, height)
        left, top = max(0, round(x + width / 2 - half)), max(0, round(y + height / 2 - half))
        part = image[top : round(y + height / 2 + half), left : round(x + width / 2 + half)]
        products.append(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return np.stack(products), np.array([names[box["category_id"]] for box in boxes[:most]])


def trained(
    python: str, file: str, settings: dict, name: str, steps: int
) -> tuple[np.ndarray, float]:
    """Refined products of a program after so many steps, and its CPU seconds of a step."""
    program = start(python, file, settings)
    program.stdout.readline()
    took = ask(program, name, steps - 1)["cpu_s"]  # the program takes one untimed step before
    with tempfile.TemporaryDirectory() as folder:
        ask(program, name, path := f"{folder}/refined.npy")
        refined = np.load(path)
    program.stdin.close()
    program.wait()
    return refined, took


def judged(features: np.ndarray, names: np.ndarray, photos: np.ndarray, true: np.ndarray) -> dict:
    """KID to the photos, and the share of them that a linear classifier of `features` names."""
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    known, index = np.unique(names, return_inverse=True)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Dense(len(known), kernel_regularizer=keras.regularizers.L2(1e-3))]
    )
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(True))
    model.fit((features - mean) / deviation, index, epochs=60, batch_size=100, verbose=0)
    told = np.argmax(model.predict((photos - mean) / deviation, verbose=0), axis=-1)
    accuracy = float(np.mean(known[told] == true))
    return {"kid": kid(features, photos)["kid"], "accuracy": accuracy}


def mean(values: list[float]) -> float:
    return statistics.mean(values)


def spread(values: list[float]) -> float:
    """Standard deviation over the seeds; 0 of one."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
