"""Where the fridge detectors fail, and what colours their products have, on train and val photos.

    refinezoo compare benchmarks/fridge.yaml; python benchmarks/fridge_goods.py      # 2 minutes

Writes benchmarks/results/fridge_goods.json: AP50 that ignores the class (is a product found?), and
the mean L*a*b* inside the boxes of the products, of the labelled train photos and of each set.
"""

import json
from pathlib import Path

import numpy as np
from fridge_colours import ARMS, OUT, PHOTOS, STUDY, lab, looked_at

from refinezoo import load
from refinezoo.data import CocoDataset, read_image
from refinezoo.files import write_json
from refinezoo.metrics.detection import coco_average_precision


def class_blind(test, seed):
    """AP50 of each arm's detector with all classes taken as one."""
    coco = json.loads(test.read_text())
    for box in coco["annotations"]:
        box["category_id"] = 1
    coco["categories"] = [{"id": 1, "name": "products"}]
    write_json(OUT / "class_blind.json", coco)
    photos = CocoDataset.load(test, PHOTOS / "images")
    found = {}
    for arm in ARMS:
        detections = load(STUDY / "arms" / arm / f"seed_{seed}" / "preset").detect(photos)
        blind = [{**detection, "category_id": 1} for detection in detections]
        found[arm] = coco_average_precision(OUT / "class_blind.json", blind)["AP50"]
    return found


def colour_of_products(annotations, images, least=0.055, most=400):
    """Mean L*a*b* in the middle of the boxes of at least `least` of the image."""
    coco = json.loads(annotations.read_text())
    rows = {row["id"]: row for row in coco["images"]}
    means = []
    for box in coco["annotations"]:
        row = rows[box["image_id"]]
        x, y, w, h = box["bbox"]
        if box["iscrowd"] or w * h < least * row["width"] * row["height"]:
            continue
        image = read_image(images / row["file_name"])
        inside = image[int(y + 0.15 * h) : int(y + 0.85 * h), int(x + 0.2 * w) : int(x + 0.8 * w)]
        means.append(lab(inside).mean((0, 1)))
        if len(means) == most:
            break
    return np.mean(means, axis=0, dtype="float64").round(1).tolist()


def main():
    """Measures both and writes them."""
    colours = {"train photos": colour_of_products(PHOTOS / "train.json", PHOTOS / "images")}
    for arm in ARMS:
        folder = STUDY / "data" / arm
        colours[arm] = colour_of_products(folder / "annotations.json", folder / "images")
    blind = {f"seed {seed}": class_blind(looked_at(), seed) for seed in (0, 1)}
    recipe = {"command": "python benchmarks/fridge_goods.py", "photos": "train and val, 301"}
    found = {"recipe": recipe, "class_blind_AP50": blind, "goods_lab": colours}
    write_json(Path(__file__).parent / "results" / "fridge_goods.json", found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
