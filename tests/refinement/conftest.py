"""Small dataset trees and refiners without networks."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

ASSETS = Path(__file__).parents[2] / "refinezoo" / "assets"


class Brighter:
    """Adds 20 levels; counts the images it saw."""

    def __init__(self, levels=20):
        self.levels, self.seen = levels, 0

    def refine(self, images, strength=1.0, seed=None):
        self.seen += len(images)
        return np.clip(images.astype(np.int16) + self.levels, 0, 255).astype(np.uint8)

    def get_config(self):
        return {"levels": self.levels}


class Identity:
    def refine(self, images, strength=1.0, seed=None):
        return images


class UpsideDown:
    def refine(self, images, strength=1.0, seed=None):
        return images[:, ::-1].copy()


class Negative:
    """Light becomes dark: the colour inversion that GANs are known for."""

    def refine(self, images, strength=1.0, seed=None):
        return 255 - images


def write(path, image, *options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = image[..., ::-1] if image.ndim == 3 and image.shape[-1] == 3 else image
    path.write_bytes(cv2.imencode(path.suffix, pixels, *options)[1].tobytes())


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]


def scene(index, height=48, width=64):
    """A soft textured background with a bright product-like box; image and box xywh."""
    random = np.random.default_rng(index)
    image = cv2.resize(random.integers(60, 120, (6, 8, 3), np.uint8), (width, height))
    x, y = int(random.integers(4, 20)), int(random.integers(4, 12))
    image[y : y + 28, x : x + 24] = (200, 40, 40)
    image[y + 6 : y + 16, x + 4 : x + 20] = (240, 230, 90)
    image[y + 18 : y + 24 : 2, x + 4 : x + 20] = 20
    return image, [x, y, 24, 28]


@pytest.fixture
def coco(tmp_path):
    """Five PNG scenes of two sizes with masks, backgrounds, depth and a spare image."""
    root = tmp_path / "synthetic"
    images, annotations = [], []
    for index in range(5):
        height, width = (48, 64) if index % 2 else (51, 67)
        image, box = scene(index, height, width)
        name = f"scene_{index}.png"
        write(root / "images" / name, image)
        x, y, w, h = box
        mask = np.zeros((height, width), np.uint8)
        mask[y : y + h, x : x + w] = 255
        write(root / "foreground_masks" / name, mask)
        write(root / "backgrounds" / name, image)
        images.append({"id": index, "file_name": name, "width": width, "height": height})
        annotations.append(
            {"id": index, "image_id": index, "category_id": 7, "bbox": box, "iscrowd": 0}
        )
    write(root / "images" / "spare.png", scene(9)[0])
    np.save(root / "depth.npy", np.ones((4, 4), np.float32))
    (root / "notes").mkdir()
    (root / "notes" / "read me.txt").write_text("ours")
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 7, "name": "carton"}],
    }
    (root / "annotations.json").write_text(json.dumps(document, indent=3))
    return root


@pytest.fixture(scope="session")
def products():
    """Packaged product images on grey: uint8 RGB."""
    images = []
    for path in sorted((ASSETS / "products").glob("*.png"))[:6]:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        alpha = image[..., 3:] / 255.0
        image = (image[..., 2::-1] * alpha + 128 * (1 - alpha)).astype(np.uint8)
        images.append(cv2.resize(image, (96, 128), interpolation=cv2.INTER_AREA))
    return images


@pytest.fixture(scope="session")
def photos():
    """Packaged real photos with their boxes: (uint8 RGB, boxes_xyxy float [N, 4])."""
    root = ASSETS / "real_test"
    document = json.loads((root / "annotations.json").read_text())
    found = []
    for entry in document["images"][:6]:
        boxes = [a["bbox"] for a in document["annotations"] if a["image_id"] == entry["id"]]
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in boxes], np.float32)
        found.append((read(root / "images" / entry["file_name"]), boxes))
    return found


@pytest.fixture
def brighter():
    return Brighter()


@pytest.fixture
def upside_down():
    return UpsideDown()


@pytest.fixture
def negative():
    return Negative()


@pytest.fixture(name="write")
def write_fixture():
    return write


@pytest.fixture(name="read")
def read_fixture():
    return read


@pytest.fixture(name="scene")
def scene_fixture():
    return scene
