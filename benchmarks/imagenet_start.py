"""Detectors, a segmenter and a depth network on EfficientNet-Lite0: from ImageNet and from nothing.

    python benchmarks/imagenet_start.py --camvid FOLDER/camvid --rooms FOLDER/blender_rooms

Both arms have the same network, data, steps and batches. `imagenet` starts from the zoo's weights,
keeps batch normalisation as it is and moves the backbone at a tenth of the rate; `nothing` trains
everything at one rate, batch normalisation too, as a start from nothing needs. Measured on
validation images: 33 photos of the fridge data (AP50 of the 31 products, and of "a product" with
the classes left out), CamVid's val (mean IoU), the last 5 of 90 rendered rooms (abs_rel).

Trainings are short: this says what the start is worth, not how good the models get. Finished ones
are kept in --out and not repeated. CamVid's photos are for research only: figures go into the
repository, images do not.
"""

import argparse
import json
import time
from datetime import date
from pathlib import Path

import cv2
import keras
import numpy as np

from refinezoo import load
from refinezoo.data import CocoDataset, read_image, write_image
from refinezoo.data.arrays import ArrayBatches
from refinezoo.data.augmentation import Augmentation as DepthAugmentation
from refinezoo.data.depth import AugmentedBatches, read_depth_folder
from refinezoo.data.segmentation import SegmentationAugmentation, read_segmentation_folder
from refinezoo.experiments.compare.recipe import hardware, versions
from refinezoo.files import write_json
from refinezoo.metrics.detection import coco_average_precision
from refinezoo.models.answers import answer_to
from refinezoo.models.presets import save_to_preset
from refinezoo.tasks.depth import DepthUNet
from refinezoo.tasks.detection import PVANET, SSD300, Augmentation, DetectionBatches, YOLOv3
from refinezoo.tasks.detection.anchors import find_anchors
from refinezoo.tasks.segmentation import DeepLabV2
from refinezoo.training import StopOnNaN
from refinezoo.training.start import slow_backbone

HERE = Path(__file__).parent
STREET = "sky building pole road pavement tree sign fence car pedestrian bicyclist".split()
BACKBONE = "efficientnet_lite0"
MODELS = ("ssd300", "deeplab_v2", "depth_unet", "yolov3", "pvanet")
STARTS = ("imagenet", "nothing")
RATE = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fridge", type=Path, default=HERE / "data/fridge")
    parser.add_argument("--camvid", type=Path, help="folder with train/ and val/")
    parser.add_argument("--rooms", type=Path, help="folder blender_rooms")
    parser.add_argument("--street", type=Path, help="folder blender_street, for --images alone")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--size", type=int, default=128, help="side of the detectors' input")
    parser.add_argument("--out", type=Path, default=Path("runs/imagenet_start"))
    parser.add_argument("--results", type=Path, default=HERE / "results/imagenet_start.json")
    parser.add_argument("--images", type=Path, help="JPEG to draw of finished models, and end")
    asked = parser.parse_args()
    if asked.images is not None:
        draw(asked)
        return
    for model in asked.models:
        for seed in asked.seeds:
            for start in STARTS:
                path = asked.out / f"{model}_{start}_{seed}.json"
                if not path.exists():
                    write_json(path, run(model, start, seed, asked))
                    collect(asked)
    collect(asked)


def collect(asked: argparse.Namespace) -> None:
    """Writes the results file of all trainings that are there."""
    found = [json.loads(path.read_text()) for path in sorted(asked.out.glob("*.json"))]
    write_json(
        asked.results,
        {
            "command": f"python benchmarks/imagenet_start.py --steps {asked.steps} --batch-size "
            f"{asked.batch_size} --size {asked.size} --camvid FOLDER --rooms FOLDER",
            "hardware": hardware(),
            "versions": versions(),
            "date": date.today().isoformat(),
            "runs": found,
        },
    )


def draw(asked: argparse.Namespace) -> None:
    """What the models of the first seed say of four images each, a row for either start."""
    rows = []
    for model in asked.models:
        for start in STARTS:
            folder = asked.out / f"{model}_{start}_{asked.seeds[0]}"
            if not folder.is_dir():
                continue
            network = load(folder)
            shown = []
            for image in images(model, asked):
                answer = answer_to(network.predict(image[None], verbose=0), 0)
                drawn = network.kind.draw(network, image, answer)
                size = (220, round(220 * drawn.shape[0] / drawn.shape[1]))
                shown.append(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA))
            row = np.concatenate(shown, axis=1)
            words = f"{model}, from {'ImageNet' if start == 'imagenet' else start}"
            caption = np.full((22, row.shape[1], 3), 255, np.uint8)
            cv2.putText(caption, words, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, 16)
            rows += [caption, row]
    write_image(asked.images, np.concatenate(rows), quality=82)


def images(model: str, asked: argparse.Namespace) -> list[np.ndarray]:
    """Four that may be shown: fridge photos, rendered rooms and streets (CamVid's may not)."""
    if model in ("deeplab_v2", "depth_unet"):
        folder = asked.street if model == "deeplab_v2" else asked.rooms
        names = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["splits"]["val"]
        files = [folder / "images" / f"{Path(name).stem}.jpg" for name in names]
        return [read_image(path) for path in files[:: max(1, len(files) // 4)][:4]]
    photos = CocoDataset.load(asked.fridge / "val.json")
    return [photos.read(row) for row in range(0, len(photos), max(1, len(photos) // 4))][:4]


def run(model: str, start: str, seed: int, asked: argparse.Namespace) -> dict:
    """Trains and measures one model."""
    keras.utils.set_random_seed(seed)
    make = {"deeplab_v2": segmenter, "depth_unet": depth}.get(model, detector)
    network, batches, measure = make(model, start, seed, asked)
    if start == "imagenet":
        network.start_from("efficientnet_lite0_imagenet")
    rate = keras.optimizers.schedules.CosineDecay(
        RATE * 1e-3, asked.steps, alpha=0.01, warmup_target=RATE, warmup_steps=asked.steps // 10
    )
    network.compile(slow_backbone(rate, 0.1 if start == "imagenet" else 1.0))
    begun = time.process_time()
    history = network.fit(batches, epochs=1, verbose=2, callbacks=[StopOnNaN()])
    spent = time.process_time() - begun
    loss = float(sum(values[-1] for values in history.history.values()))
    save_to_preset(network, asked.out / f"{model}_{start}_{seed}")
    result = {
        "model": model,
        "start": start,
        "seed": seed,
        "steps": asked.steps,
        "batch_size": asked.batch_size,
        "input": list(batch_shape(batches)),
        "mean_loss": round(loss, 4),
        "cpu_minutes": round(spent / 60, 2),
        "metrics": {name: round(float(value), 4) for name, value in measure(network).items()},
    }
    print(json.dumps(result), flush=True)
    return result


def batch_shape(batches) -> tuple:
    images = batches[0][0]
    return tuple(images.shape[1:3])


def detector(model, start, seed, asked):
    """A detector of 31 products, and its AP50 with and without the classes."""
    sets = {name: CocoDataset.load(asked.fridge / f"{name}.json") for name in ("train", "val")}
    config = {"image_size": asked.size, "backbone": BACKBONE, "batch_norm": start == "nothing"}
    config |= {"width_multiplier": 0.25, "top_k": 100, "keep": 100}
    if model == "ssd300":
        network = SSD300(sets["train"].class_names, **config)
    elif model == "yolov3":
        anchors = find_anchors(sets["train"], asked.size)
        network = YOLOv3(sets["train"].class_names, anchors=anchors, **config)
    else:
        small = {"head_units": 256, "candidates": 300, "proposals": 50, "roi_batch": 32}
        network = PVANET(sets["train"].class_names, anchor_scales=(2, 3, 4, 6), **config, **small)
    augmentation = Augmentation(photometric=0.3, expand=0.5, max_expand=1.5)
    batches = DetectionBatches(
        sets["train"],
        network,
        asked.batch_size,
        augmentation=augmentation,
        steps=asked.steps,
        seed=seed,
    )

    def measure(network):
        found = network.detect(sets["val"])
        path = asked.fridge / "val.json"
        truth = json.loads(path.read_text(encoding="utf-8"))
        truth["categories"] = [{"id": 1, "name": "product"}]
        for row in truth["annotations"]:
            row["category_id"] = 1
        one = [{**row, "category_id": 1} for row in found]
        return {
            "AP50": coco_average_precision(path, found)["AP50"],
            "AP50_product": coco_average_precision(truth, best_of(one))["AP50"],
        }

    return network, batches, measure


def best_of(found: list[dict], overlap: float = 0.5) -> list[dict]:
    """One detection a place: without classes, the boxes of several classes are doubles."""
    kept: list[dict] = []
    for row in sorted(found, key=lambda row: -row["score"]):
        near = (other for other in kept if other["image_id"] == row["image_id"])
        if all(iou(row["bbox"], other["bbox"]) < overlap for other in near):
            kept.append(row)
    return kept


def iou(a, b) -> float:
    """Of two boxes (x, y, w, h)."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / max(a[2] * a[3] + b[2] * b[3] - shared, 1e-9)


def segmenter(model, start, seed, asked):
    """DeepLab-v2 of CamVid's 11 classes, stride 8 by atrous rates, at 96 x 128."""
    size = (96, 128)
    sets = {name: read_segmentation_folder(asked.camvid / name, size) for name in ("train", "val")}
    network = DeepLabV2(
        STREET,
        backbone=BACKBONE,
        batch_norm=start == "nothing",
        rates=(1, 2, 4, 6),
        scales=(1,),
        ignore_id=len(STREET),
        image_size=size,
    )
    train = (sets["train"]["image"], sets["train"]["class_ids"][..., None])
    batches = ArrayBatches(train, batch_size=asked.batch_size, steps=asked.steps, seed=seed)
    augmentation = SegmentationAugmentation(
        scale=(0.75, 1.5), brightness=0.3, contrast=0.3, saturation=0.3, ignore_id=len(STREET)
    )
    batches = AugmentedBatches(batches, augmentation, seed=seed, pair=("image", "class_ids"))

    def measure(network):
        found = network.evaluate_masks(sets["val"]["image"], sets["val"]["class_ids"])
        return {name: found[name] for name in ("mean_iou", "pixel_accuracy")}

    return network, batches, measure


def depth(model, start, seed, asked):
    """The depth U-Net on rendered rooms at 96 x 128, up to 8 m."""
    size = (96, 128)
    meta = json.loads((asked.rooms / "meta.json").read_text(encoding="utf-8"))
    splits = {name: [Path(stem).stem for stem in meta["splits"][name]] for name in ("train", "val")}
    sets = {name: read_depth_folder(asked.rooms, size, stems=splits[name]) for name in splits}
    network = DepthUNet(width=12, backbone=BACKBONE, batch_norm=start == "nothing")
    train = (sets["train"]["image"], sets["train"]["depth_m"])
    batches = ArrayBatches(train, batch_size=asked.batch_size, steps=asked.steps, seed=seed)
    batches = AugmentedBatches(batches, DepthAugmentation(flip=0.5), seed=seed)

    def measure(network):
        found = network.evaluate_depth(sets["val"]["image"], np.asarray(sets["val"]["depth_m"]))
        return {name: found[name] for name in ("abs_rel", "rmse", "delta1")}

    return network, batches, measure


if __name__ == "__main__":
    main()
