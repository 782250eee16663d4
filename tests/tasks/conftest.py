"""What small models learn from: coloured squares to find, as a `CocoDataset`, and three shades."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from refinezoo.files import write_json

CLASS_NAMES = ["red", "blue"]
_COLOURS = np.array([[200, 30, 30], [30, 30, 200]])


class Squares:
    """Squares of two colours on grey noise; category ids 7 and 3."""

    def __init__(self, folder: Path, count: int = 24, size: int = 64, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.class_names, self.category_ids = list(CLASS_NAMES), [7, 3]
        self.json_path = str(folder / "annotations.json")
        self.records, self.images = [], []
        for number in range(count):
            image = random.integers(90, 150, (size, size, 3)).astype("uint8")
            side = int(random.integers(size // 4, size // 2))
            x, y = (int(v) for v in random.integers(0, size - side, 2))
            label = number % 2
            image[y : y + side, x : x + side] = _COLOURS[label]
            self.images.append(image)
            self.records.append(
                SimpleNamespace(
                    id=100 + number,
                    path=folder / f"{number}.png",
                    width=size,
                    height=size,
                    boxes_xywh=np.array([[x, y, side, side]], "float32"),
                    labels=np.array([label]),
                    crowd=np.zeros(1, bool),
                )
            )
        write_json(self.json_path, self.coco())

    def __len__(self) -> int:
        return len(self.records)

    def read(self, index: int) -> np.ndarray:
        return self.images[self.records[index].id - 100]

    def truth(self) -> str:
        return self.json_path

    def coco(self) -> dict:
        return {
            "images": [
                {"id": r.id, "file_name": r.path.name, "width": r.width, "height": r.height}
                for r in self.records
            ],
            "annotations": [
                {
                    "id": r.id,
                    "image_id": r.id,
                    "category_id": self.category_ids[int(r.labels[0])],
                    "bbox": r.boxes_xywh[0].tolist(),
                    "area": float(r.boxes_xywh[0, 2] * r.boxes_xywh[0, 3]),
                    "iscrowd": 0,
                }
                for r in self.records
            ],
            "categories": [
                {"id": i, "name": n}
                for i, n in zip(self.category_ids, self.class_names, strict=True)
            ],
        }


@pytest.fixture
def squares(tmp_path) -> Squares:
    """24 images of 64 x 64 pixels with one square each."""
    return Squares(tmp_path)


@pytest.fixture(scope="session")
def make_squares():
    """`make_squares(folder, count)`, for modules that train once."""
    return Squares


@pytest.fixture(scope="session")
def shades():
    """Images of three brightnesses, their labels, and rotations that go with them."""
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    images = 20 + 90 * labels[:, None, None, None] + rng.integers(0, 20, (24, 8, 8, 3))
    half = np.radians(labels * 40.0)
    q = np.stack([np.cos(half), np.sin(half), 0 * half, 0 * half], axis=-1).astype("float32")
    return images.astype("uint8"), labels, q
