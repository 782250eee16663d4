"""A toy world of two classes at 64 pixels, as COCO sets and a study file over them."""

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml

CATEGORIES = [{"id": 3, "name": "square"}, {"id": 7, "name": "disc"}]


def write_coco(folder: Path, count: int, seed: int, *, ignore: bool = False) -> None:
    """Writes `count` images of 64 px with one square or disc each, and their boxes."""
    random = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(count):
        image = np.full((64, 64, 3), random.integers(60, 200), np.uint8)
        size = int(random.integers(24, 40))
        x, y = (int(value) for value in random.integers(0, 64 - size, 2))
        kind = number % 2
        if kind == 0:
            cv2.rectangle(image, (x, y), (x + size - 1, y + size - 1), (200, 30, 30), -1)
        else:
            centre = (x + size // 2, y + size // 2)
            cv2.circle(image, centre, size // 2, (30, 30, 200), -1)
        name = f"{number:03d}.png"
        cv2.imwrite(str(folder / "images" / name), image[..., ::-1])
        images.append({"id": number + 1, "file_name": name, "width": 64, "height": 64})
        if ignore:
            images[-1]["ignore_regions"] = [[0, 0, 64, 4]]
        annotations.append(
            {
                "id": number + 1,
                "image_id": number + 1,
                "iscrowd": 0,
                "category_id": CATEGORIES[kind]["id"],
                "bbox": [x, y, size, size],
                "area": size * size,
            }
        )
    coco = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    (folder / "annotations.json").write_text(json.dumps(coco))


def write_world(root: Path) -> None:
    """Writes the synthetic, real and test sets below `root`."""
    write_coco(root / "synthetic", 8, 0)
    write_coco(root / "real", 6, 1, ignore=True)
    write_coco(root / "test", 4, 2, ignore=True)


def study(**changes) -> dict:
    """The content of a study file over the toy world."""
    content = {
        "study": "toy",
        "synthetic": {"coco": "synthetic"},
        "real": {"train": "real/annotations.json", "test": "test/annotations.json"},
        "model": {
            "name": "ssd",
            "class": "SSD300",
            "config": {"image_size": 64, "width_multiplier": 0.0625, "batch_norm": True},
        },
        "training": {"steps": 4, "batch_size": 4, "backup_every": 2},
        "arms": {
            "synthetic": ["synthetic"],
            "real": ["real"],
            "real+synthetic": ["real", "synthetic"],
        },
        "seeds": [0, 1],
        "metrics": ["AP50", "AP"],
        "measure_images": 0,  # test_measures.py has it
    }
    content.update(changes)
    return content


def write_study(path: Path, **changes) -> Path:
    """Writes a study file over the toy world."""
    path.write_text(yaml.safe_dump(study(**changes), sort_keys=False))
    return path


@pytest.fixture
def toy() -> SimpleNamespace:
    """The toy world's makers."""
    return SimpleNamespace(
        study=study, write_study=write_study, write_world=write_world, write_coco=write_coco
    )
