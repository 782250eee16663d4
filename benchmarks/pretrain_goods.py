"""Pretrains a detector on 57 other products, so that those of few photos need not start from noise.

    python benchmarks/pretrain_goods.py            # SSD300: 15 minutes on one CPU core
    python benchmarks/pretrain_goods.py YOLOv3

Scenes are composed of the SynthDet cut-outs in refinezoo/assets/distractors alone: no product and
no photo of the fridge study is in them. What it learns (edges, print, boxes) plays the part that
ImageNet weights play for the papers' detectors; every arm of the study starts from it.
"""

import json
import sys
from pathlib import Path

import keras

from refinezoo.data.coco import CocoDataset
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.experiments.compare.training import MixedBatches, optimizer, steps_per_epoch, train
from refinezoo.files import write_json
from refinezoo.scenes.compose import compose_scenes
from refinezoo.tasks import detection
from refinezoo.tasks.detection import Augmentation, DetectionBatches
from refinezoo.tasks.detection.anchors import find_anchors

PRODUCTS = Path(__file__).parent.parent / "refinezoo" / "assets" / "distractors"
SIZE = 96
TRAINING = {
    "steps": 2400,
    "batch_size": 16,
    "optimizer": "adam",
    "learning_rate": 0.002,
    "warmup": 100,
    "schedule": "cosine",
    "backup_every": 100,
}


def compose(folder: Path, count: int, image_size: int) -> CocoDataset:
    """Scenes of the products; the views of a model become one class."""
    if not (folder / "merged.json").is_file():
        compose_scenes(PRODUCTS, folder, count, image_size=image_size, layout="mixed", seed=11)
        coco = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
        models = sorted({category["name"].rsplit("_", 1)[0] for category in coco["categories"]})
        new = {
            category["id"]: models.index(category["name"].rsplit("_", 1)[0]) + 1
            for category in coco["categories"]
        }
        for annotation in coco["annotations"]:
            annotation["category_id"] = new[annotation["category_id"]]
        coco["categories"] = [{"id": i, "name": name} for i, name in enumerate(models, 1)]
        write_json(folder / "merged.json", coco)
    return CocoDataset.load(folder / "merged.json", folder / "images")


def main(name: str = "SSD300") -> None:
    """Composes, trains at 96 px (the weights serve at any size), saves the preset."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(0)
    dataset = compose(Path("runs/train/ssd300_goods/scenes"), 3000, 112)
    settings = {
        "SSD300": {"batch_norm": True},
        "YOLOv3": {"depth_multiplier": 0.25, "anchors": find_anchors(dataset, SIZE)},
    }[name]
    detector = getattr(detection, name)(
        dataset.class_names, image_size=SIZE, width_multiplier=0.25, top_k=100, **settings
    )
    out = Path("runs/train") / f"{name.lower()}_goods"
    detector.compile(optimizer(TRAINING))
    batches = DetectionBatches(
        dataset,
        detector,
        TRAINING["batch_size"],
        steps=steps_per_epoch(TRAINING),
        augmentation=Augmentation(
            photometric=0.5, expand=0.5, max_expand=1.5, min_ious=(None, None, 0.7, 0.9), flip=0.5
        ),
    )
    train(detector, MixedBatches([batches]), TRAINING, out / "backup_0")
    detector.save_to_preset(out / "preset")
    Checkpoint(out / "backup_0").remove()


if __name__ == "__main__":
    main(*sys.argv[1:2])
