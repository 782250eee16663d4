"""Products composed over real photos under changed light: ground truth for template subtraction."""

from pathlib import Path

import cv2
import numpy as np

from refinezoo.data.images import list_images, read_image, read_rgba

ASSETS = Path(__file__).parents[2] / "refinezoo" / "assets"


def relit(image: np.ndarray, gain: np.ndarray, noise: float, rng) -> np.ndarray:
    """Another exposure of a picture: gain per channel and sensor noise, clipped to 8 bits."""
    noisy = image * gain + rng.normal(0, noise, image.shape)
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


def cases(count: int, side: int, seed: int = 0):
    """Yields (templates, picture, true mask [H, W] bool)."""
    rng = np.random.default_rng(seed)
    photos = list_images(ASSETS / "real_test" / "images")
    products = list_images(ASSETS / "products")
    for k in range(count):
        scene = cv2.resize(read_image(photos[k % len(photos)]), (side, side), interpolation=cv2.INTER_AREA)
        cutout = read_rgba(products[rng.integers(len(products))])
        height = rng.uniform(0.4, 0.85) * side
        zoom = height / cutout.shape[0]
        angle = rng.uniform(-40, 40)
        matrix = cv2.getRotationMatrix2D((cutout.shape[1] / 2, cutout.shape[0] / 2), angle, zoom)
        place = rng.uniform(0.35, 0.65, 2) * side
        matrix[:, 2] += place - np.array(cutout.shape[1::-1]) / 2
        alpha = cutout[..., 3:].astype(np.float32) / 255
        layer = np.concatenate([cutout[..., :3] * alpha, alpha], axis=2)
        layer = cv2.GaussianBlur(layer, (0, 0), 0.4 / zoom)
        layer = cv2.warpAffine(layer, matrix, (side, side))
        opaque = layer[..., 3:]
        picture = scene * (1 - opaque) + layer[..., :3]
        light = rng.uniform(0.6, 1.4) * rng.uniform(0.92, 1.08, 3)
        picture = relit(picture, light, 2.0, rng)
        templates = [
            relit(scene, gain * rng.uniform(0.97, 1.03, 3), 2.0, rng) for gain in (0.75, 1.0, 1.25)
        ]
        yield templates, picture, opaque[..., 0] > 0.5
