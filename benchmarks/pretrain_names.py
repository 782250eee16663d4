"""Teaches EfficientNet-Lite0 to tell packages apart, on 57 other products.

    python benchmarks/pretrain_names.py            # 5 minutes on one CPU core
    python benchmarks/pretrain_names.py --seed 1   # into runs/train/lite0_goods_1

A detector of a few hundred steps finds products from ImageNet features, hardly learns their names
(docs/research.md). So the backbone first learns names by themselves: crops of the SynthDet
cut-outs in refinezoo/assets/distractors, composed into scenes. No product and no photo of the
fridge study is in them; every arm of the study starts from the result. How well a detector above
the frozen backbone does hangs on this draw, too: `model.init: runs/train/lite0_goods_{seed}/preset`
gives each seed of a study a start of its own.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from pretrain_goods import compose

from refinezoo.data.coco import CocoDataset
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.experiments.compare.training import MixedBatches, optimizer, steps_per_epoch, train
from refinezoo.tasks.classification.classifier import Classifier
from refinezoo.tasks.detection import Augmentation
from refinezoo.tasks.detection.augmentation import look_through

OUT = Path("runs/train/lite0_goods")
SIDE = 96
TRAINING = {
    "steps": 300,
    "batch_size": 32,
    "optimizer": "adam",
    "learning_rate": 0.002,
    "backbone_rate": 0.5,
    "warmup": 30,
    "schedule": "cosine",
    "backup_every": 50,
}


class Crops(keras.utils.PyDataset):
    """(crops uint8 [B, S, S, 3], labels int [B]): boxes grown by a tenth, moved a little."""

    def __init__(self, dataset: CocoDataset, batch_size: int, steps: int, seed: int) -> None:
        super().__init__()
        self.dataset, self.batch_size, self.steps, self.epoch = dataset, batch_size, steps, 0
        self.seed = seed
        self.products = [
            (i, box, label)
            for i, record in enumerate(dataset.records)
            for box, label, crowd in zip(
                record.boxes_xywh, record.labels, record.crowd, strict=True
            )
            if not crowd
        ]
        self.change = Augmentation(photometric=0.5, expand=0.0, min_ious=(None,))
        self.images = [dataset.read(i) for i in range(len(dataset.records))]

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        first = (self.epoch * self.steps + index) * self.batch_size
        made = [self._crop(place) for place in range(first, first + self.batch_size)]
        crops, labels = zip(*made, strict=True)
        return np.stack(crops), np.array(labels)

    def _crop(self, place: int) -> tuple[np.ndarray, int]:
        round_, place_in_round = divmod(place, len(self.products))
        order = np.random.default_rng([round_, 1, self.seed]).permutation(len(self.products))
        item, (x, y, width, height), label = self.products[order[place_in_round]]
        random = np.random.default_rng([place, 0, self.seed])
        centre = np.array([x + width / 2, y + height / 2])
        sides = np.array([width, height]) * 1.1 * np.exp(random.uniform(-0.15, 0.15, 2))
        centre += random.uniform(-0.1, 0.1, 2) * sides
        window = np.concatenate([centre - sides / 2, centre + sides / 2])
        none = np.zeros((0, 4), "float32")
        crop, _ = look_through(self.images[item], none, window, SIDE)
        empty = np.zeros(0, int)
        crop = self.change(crop, none, empty, empty.astype(bool), SIDE, random)[0]
        return crop, int(label)


def main() -> None:
    """Composes the scenes, trains, saves the preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="of this start; without it that of all studies")
    seed = parser.parse_args().seed
    out = OUT if seed is None else OUT.with_name(f"{OUT.name}_{seed}")
    keras.utils.set_random_seed(seed or 0)
    dataset = compose(OUT / "scenes", 1500, 192)
    classifier = Classifier(dataset.class_names, image_size=SIDE, tower="efficientnet_lite0")
    classifier.start_from("efficientnet_lite0_imagenet")
    classifier.compile(optimizer(TRAINING))
    crops = Crops(dataset, TRAINING["batch_size"], steps_per_epoch(TRAINING), seed or 0)
    print(f"{len(crops.products)} products of {len(dataset.class_names)} kinds", flush=True)
    train(classifier, MixedBatches([crops]), TRAINING, out / "backup_0")
    classifier.save_to_preset(out / "preset")
    Checkpoint(out / "backup_0").remove()


if __name__ == "__main__":
    main()
