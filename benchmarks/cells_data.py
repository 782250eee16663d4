"""The renders of `benchmarks/cells.yaml`: blood smears drawn as a textbook draws them.

    python benchmarks/cells_data.py runs/cells/data/drawn

Red cells are discs with a paler middle, white cells discs with a nucleus of lobes, platelets
specks; sizes and numbers as a smear at 1000 times has them. No photo is read. Writes COCO
(`annotations.json`, `images/`) and the `foreground_masks/` of the cells.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from refinezoo.data import write_image
from refinezoo.files import write_json

CLASSES = ("RBC", "WBC", "Platelets")
FINER = 2  # drawn at twice the size, then averaged


def outline(random, centre, radius, roundness):
    """A closed curve: an ellipse with a few waves, int32 [64, 2]."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    wave = sum(
        random.normal(0, (1 - roundness) / k) * np.cos(k * angle + random.uniform(0, 2 * np.pi))
        for k in (2, 3, 4)
    )
    stretch, turn = random.uniform(0.8, 1.0), random.uniform(0, np.pi)
    x, y = radius * (1 + wave) * (np.cos(angle), stretch * np.sin(angle))
    points = np.stack(
        [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=-1
    )
    return np.round(centre + points).astype(np.int32)


class Smear:
    """One image: what lies on it, drawn from back to front."""

    def __init__(self, random, height, width):
        self.random, self.unit = random, FINER * height / 480  # radii are in pixels of 480 rows
        self.size = np.array([width, height]) * FINER
        self.image = np.full((*self.size[::-1], 3), self.near((236, 230, 226), 6), np.uint8)
        self.mask = np.zeros(self.size[::-1], np.uint8)
        self.boxes = []

    def near(self, colour, spread):
        """A colour of its own for each cell."""
        return tuple(np.clip(self.random.normal(colour, spread), 0, 255).round().tolist())

    def cell(self, label, centre, radius, colour, roundness=0.96):
        """A filled outline, its place in the mask and its box; returns its points."""
        points = outline(self.random, centre, radius, roundness)
        cv2.fillPoly(self.image, [points], colour, cv2.LINE_AA)
        cv2.fillPoly(self.mask, [points], 255)
        low = np.clip(points.min(0), 0, self.size)
        high = np.clip(points.max(0), 0, self.size)
        if np.all(high - low > 0.25 * (points.max(0) - points.min(0))):
            self.boxes.append((label, *(low / FINER), *((high - low) / FINER)))
        return points

    def red(self, centre):
        """A disc with a pale middle."""
        radius = self.unit * self.random.normal(51, 5)
        colour = self.near((205, 110, 100), 8)
        points = self.cell(0, centre, radius, colour)
        cv2.polylines(self.image, [points], True, self.near((170, 80, 75), 6), FINER, cv2.LINE_AA)
        pale = outline(self.random, centre, radius * self.random.uniform(0.3, 0.5), 0.96)
        cv2.fillPoly(self.image, [pale], self.near((232, 190, 180), 8), cv2.LINE_AA)

    def white(self, centre):
        """Pale plasma with a dark nucleus of one to five lobes."""
        radius = self.unit * self.random.normal(95, 12)
        self.cell(1, centre, radius, self.near((200, 175, 215), 10))
        lobes, turn = self.random.integers(1, 6), self.random.uniform(0, 2 * np.pi)
        dark = self.near((95, 60, 150), 10)
        for lobe in range(lobes):
            angle = turn + 2 * np.pi * lobe / lobes
            far = 0.0 if lobes == 1 else 0.45
            place = centre + far * radius * np.array([np.cos(angle), np.sin(angle)])
            size = radius * (0.7 if lobes == 1 else self.random.uniform(0.3, 0.42))
            cv2.fillPoly(self.image, [outline(self.random, place, size, 0.93)], dark, cv2.LINE_AA)

    def platelet(self, centre):
        """A violet speck."""
        radius = self.unit * self.random.normal(19, 3)
        self.cell(2, centre, radius, self.near((130, 100, 175), 12), 0.9)

    def somewhere(self, apart=0.0, others=()):
        """A place, if there is one, that far from the others."""
        for _ in range(20):
            place = self.random.uniform(0, self.size)
            if all(np.hypot(*(place - other)) > apart * self.unit for other in others):
                break
        return place


def draw(random, height, width):
    """A smear with some 5 to 25 red cells, most often one white, a few platelets."""
    smear = Smear(random, height, width)
    whites = [smear.somewhere(180) for _ in range(random.choice(3, p=[0.1, 0.8, 0.1]))]
    reds = []
    for _ in range(random.integers(5, 26)):
        reds.append(smear.somewhere(random.choice([60, 100]), reds))
    for place in reds:
        if all(np.hypot(*(place - white)) > 110 * smear.unit for white in whites):
            smear.red(place)
    for place in whites:
        smear.white(place)
    for _ in range(random.poisson(1.2)):
        smear.platelet(smear.somewhere())
    image = cv2.resize(smear.image, (width, height), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(smear.mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return image, mask, smear.boxes


def main() -> None:
    """Draws the smears."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--image-size", nargs=2, type=int, default=[240, 320])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    height, width = options.image_size
    coco = {"images": [], "annotations": [], "categories": []}
    coco["categories"] = [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)]
    for folder in ("images", "foreground_masks"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    for index in range(options.count):
        image, mask, boxes = draw(np.random.default_rng([options.seed, index]), height, width)
        name = f"{index:06d}.png"
        write_image(options.out / "images" / name, image)
        write_image(options.out / "foreground_masks" / name, mask)
        row = {"id": index + 1, "file_name": name, "width": width, "height": height}
        coco["images"].append(row)
        for label, x, y, w, h in boxes:
            box = {"id": len(coco["annotations"]) + 1, "image_id": index + 1, "iscrowd": 0}
            box |= {"category_id": label + 1, "bbox": [x, y, w, h], "area": w * h}
            coco["annotations"].append(box)
    write_json(options.out / "annotations.json", coco)


if __name__ == "__main__":
    main()
