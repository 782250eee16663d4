"""Which change of colour helps the fridge detector? Looked at on train and val photos, never test.

    refinezoo compare benchmarks/fridge.yaml         # first: scenes and the detectors of its arms
    python benchmarks/fridge_colours.py              # 4 minutes a variant and seed, one CPU core

Every variant changes the same 2,000 scenes; the detector, steps and seeds are those of the study.
`boxes` uses labels of train photos (mean and deviation inside their boxes): it shows what colour
alone could give, and is no arm of the study. Writes benchmarks/results/fridge_colours.json.
"""

import argparse
import json
import shutil
from pathlib import Path

import cv2
import numpy as np

from refinezoo import load
from refinezoo.data import CocoDataset, list_images, read_image, write_image
from refinezoo.experiments.compare.run_arm import main as run_arm
from refinezoo.files import write_json

HERE = Path(__file__).parent
STUDY, OUT = Path("runs/studies/fridge"), Path("runs/fridge_colours")
PHOTOS = HERE / "data" / "fridge"
ARMS = ("synthetic", "reinhard", "transport", "refined")
SCENES = STUDY / "data" / "synthetic"


def lab(image):
    """float32 L*a*b* `[H, W, 3]` of a uint8 image."""
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def statistics(image):
    """Means, then deviations, of the channels of a float image."""
    return np.concatenate([image.mean((0, 1)), image.std((0, 1))])


def moved(image, wanted):
    """The image with other means and deviations."""
    now = statistics(image)
    gain = np.clip(wanted[3:] / (now[3:] + 1e-3), 0.25, 3)
    return (image - now[:3]) * gain + wanted[:3]


def hue_kept(x, wanted, rng):
    """Lightness of a random photo, chroma scaled to that photo's: no cast at all."""
    now, out = statistics(x), moved(x, wanted)
    chroma = np.sqrt((now[[1, 2, 4, 5]] ** 2).sum())
    theirs = np.sqrt((wanted[[1, 2, 4, 5]] ** 2).sum())
    out[..., 1:] = x[..., 1:] * np.clip(theirs / chroma, 0.5, 2)
    return out


def half_cast(x, wanted, rng):
    """As `hue_kept`, and half of the way to the photo's mean colour."""
    out = hue_kept(x, wanted, rng)
    out[..., 1:] += 0.5 * (wanted[1:3] - x[..., 1:].mean((0, 1)))
    return out


def boxes(x, wanted, rng):
    """The shift and gain between scenes and products in labelled train photos, with its spread."""
    shift, gain, spread = (-8, 4, 9.5), (1, 0.82, 0.85), (9, 3, 5)
    return (x * gain + shift + rng.normal(0, spread)).astype(np.float32)


VARIANTS = {"hue_kept": hue_kept, "half_cast": half_cast, "boxes": boxes}


def make(name, folder):
    """Writes one variant of the scenes; `transport_lab` needs all of them first."""
    scenes = list_images(SCENES / "images")
    photos = np.array([statistics(lab(read_image(p))) for p in list_images(PHOTOS / "unlabelled")])
    renders = np.array([statistics(lab(read_image(p))) for p in scenes])
    for i, path in enumerate(scenes):
        rng = np.random.default_rng(i)
        wanted = photos[rng.integers(len(photos))]
        x = lab(read_image(path))
        if name == "transport_lab":
            scale = photos.std(0) / renders.std(0)
            out = moved(x, photos.mean(0) + (renders[i] - renders.mean(0)) * scale)
        else:
            out = VARIANTS[name](x, wanted, rng)
        rgb = cv2.cvtColor(out.astype(np.float32), cv2.COLOR_LAB2RGB)
        write_image(folder / "images" / path.name, (rgb.clip(0, 1) * 255).round().astype(np.uint8))
    shutil.copy(SCENES / "annotations.json", folder)


def looked_at():
    """Train and val photos in one COCO file."""
    parts = [json.loads((PHOTOS / f"{name}.json").read_text()) for name in ("train", "val")]
    images, annotations = 1_000_000, 1_000_000  # ids of the second part start here
    for image in parts[1]["images"]:
        image["id"] += images
    for box in parts[1]["annotations"]:
        box["id"], box["image_id"] = box["id"] + annotations, box["image_id"] + images
    for key in ("images", "annotations"):
        parts[0][key] += parts[1][key]
    write_json(OUT / "train_and_val.json", parts[0])
    return OUT / "train_and_val.json"


def trained(name, folder, seed, test):
    """AP50 on the photos of `test` of the study's detector, trained on a set."""
    spec = json.loads((STUDY / "arms/synthetic/seed_0/spec.json").read_text())
    place = {"annotations": str(folder / "annotations.json"), "images": str(folder / "images")}
    spec |= {"arm": name, "seed": seed, "hash": f"{name}_{seed}", "test": test}
    spec["sets"] = [{"name": name, "share": 1.0, **place}]
    run = OUT / "runs" / f"{name}_{seed}"
    if not (run / "result.json").is_file():
        write_json(run / "spec.json", spec)
        run_arm(run)
    return json.loads((run / "result.json").read_text())["metrics"]["AP50"]


def main():
    """Makes what is missing, trains what is missing, writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    seeds = parser.parse_args().seeds
    test = {"name": "train_and_val", "annotations": str(looked_at())}
    test["images"] = str(PHOTOS / "images")
    photos, values = CocoDataset.load(test["annotations"], test["images"]), {}
    for arm in ARMS:
        detectors = [load(STUDY / "arms" / arm / f"seed_{seed}" / "preset") for seed in seeds]
        values[arm] = [model.evaluate_coco(photos)["AP50"] for model in detectors]
        print(arm, *(f"{value:.3f}" for value in values[arm]), flush=True)
    for name in (*VARIANTS, "transport_lab"):
        folder = OUT / "sets" / name
        if not (folder / "annotations.json").is_file():
            make(name, folder)
        values[name] = [trained(name, folder, seed, test) for seed in seeds]
        print(name, *(f"{value:.3f}" for value in values[name]), flush=True)
    rows = [
        {"model": "ssd300", "arm": name, "metric": "AP50", "values": found}
        for name, found in values.items()
    ]
    recipe = {"command": "python benchmarks/fridge_colours.py", "photos": "train and val, 301"}
    write_json(
        HERE / "results" / "fridge_colours.json",
        {"study": "fridge_colours", "recipe": recipe, "rows": rows},
    )


if __name__ == "__main__":
    main()
