"""Small datasets for the tests of formats: textured images, flat labels."""

import json

import cv2
import numpy as np

H, W = 24, 32


def photo(seed=0, height=H, width=W):
    """A textured image, uint8 [H, W, 3]."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def ids(number=7):
    """A mask with one object of an id, uint8 [H, W]."""
    mask = np.zeros((H, W), np.uint8)
    mask[4:16, 8:24] = number
    return mask


def colours(alpha=False):
    """A mask with one object of a colour."""
    mask = np.dstack([ids(200), ids(20), ids(60)])
    return np.dstack([mask, np.full((H, W), 255, np.uint8)]) if alpha else mask


def put(path, values):
    """Writes RGB, RGBA, grey, `.npy` or text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(values, str):
        path.write_text(values, encoding="utf-8")
    elif path.suffix == ".npy":
        np.save(path, values)
    else:
        if values.ndim == 3:
            values = values[..., [2, 1, 0, 3][: values.shape[2]]]
        path.write_bytes(cv2.imencode(path.suffix, values)[1].tobytes())


def coco(names, *, prefix="", width=W, height=H, box=(3, 4, 10, 8)):
    """A document with one box of class 1 in each image."""
    return {
        "images": [
            {"id": k, "file_name": f"{prefix}{name}", "width": width, "height": height}
            for k, name in enumerate(names, start=1)
        ],
        "annotations": [
            {"id": k, "image_id": k, "category_id": 1, "bbox": list(box), "iscrowd": 0}
            for k, _ in enumerate(names, start=1)
        ],
        "categories": [{"id": 1, "name": "carton"}],
    }


def put_coco(path, document, encoding="utf-8"):
    """Writes a document as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(document).encode(encoding))


def left_half(image):
    """A mask of an image, or of a stack of them, whose left half is an object."""
    mask = np.zeros((*image.shape[:-1], 1), "float32")
    mask[..., : image.shape[-2] // 2, :] = 1.0
    return mask
