"""Foreground masks: template subtraction and GrabCut on real photos, and every bad input."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from refinezoo.data.formats import list_images
from refinezoo.data.images import read_image, read_rgba
from refinezoo.data.mask_values import as_foreground_mask, looks_inverted
from refinezoo.data.masks import BackgroundTemplates, clean_mask, grabcut_mask, illumination_gain
from refinezoo.errors import RefinezooError

ASSETS = Path(__file__).parents[2] / "refinezoo" / "assets"


def relit(image: np.ndarray, gain: np.ndarray, noise: float, rng) -> np.ndarray:
    """Another exposure of an image: gain per channel and sensor noise, clipped to 8 bits."""
    noisy = image * gain + rng.normal(0, noise, image.shape)
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


def cases(count: int, side: int, seed: int = 0):
    """Yields (templates, image, true mask [H, W] bool)."""
    rng = np.random.default_rng(seed)
    photos = list_images(ASSETS / "real_test" / "images")
    products = list_images(ASSETS / "products")
    for k in range(count):
        scene = cv2.resize(
            read_image(photos[k % len(photos)]), (side, side), interpolation=cv2.INTER_AREA
        )
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
        image = scene * (1 - opaque) + layer[..., :3]
        light = rng.uniform(0.6, 1.4) * rng.uniform(0.92, 1.08, 3)
        image = relit(image, light, 2.0, rng)
        templates = [
            relit(scene, gain * rng.uniform(0.97, 1.03, 3), 2.0, rng) for gain in (0.75, 1.0, 1.25)
        ]
        yield templates, image, opaque[..., 0] > 0.5


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


@pytest.mark.parametrize(("side", "count", "mean"), [(128, 20, 0.90), (256, 8, 0.92)])
def test_templates_find_products_on_real_photos_under_other_light(side, count, mean):
    scores = [
        iou(BackgroundTemplates(templates).mask(image)[..., 0] > 0.5, true)
        for templates, image, true in cases(count, side)
    ]
    print(f"IoU at {side} px: mean {np.mean(scores):.3f}, lowest {min(scores):.3f}")
    assert np.mean(scores) >= mean and min(scores) >= 0.75


def test_an_empty_scene_in_other_light_has_no_foreground(rng):
    shares = []
    for path in list_images(ASSETS / "real_test" / "images")[:8]:
        scene = cv2.resize(read_image(path), (128, 128), interpolation=cv2.INTER_AREA)
        light = rng.uniform(0.65, 1.2) * rng.uniform(0.93, 1.07, 3)
        image = relit(scene, light, 2.0, rng)
        shares.append(float(BackgroundTemplates([scene]).mask(image).mean()))
    assert np.mean(shares) < 0.02


def test_gain_is_found_although_half_of_the_image_changed(rng):
    template = rng.uniform(30, 160, (64, 64, 3)).astype(np.float32)
    image = template * np.float32([1.3, 1.1, 0.8])
    image[:, :34] = rng.uniform(0, 255, (64, 34, 3))
    assert np.abs(illumination_gain(image, template) - [1.3, 1.1, 0.8]).max() < 0.03


def test_the_nearest_template_counts(rng):
    noon, night = (np.full((40, 40, 3), value, np.uint8) for value in (200, 60))
    night[:, 20:] = 20  # another light, not another gain
    image = night.copy()
    image[10:30, 5:15] = (220, 40, 40)
    mask = BackgroundTemplates([noon, night], threshold=30).mask(image)
    assert mask.shape == (40, 40, 1) and mask.dtype == np.float32
    assert mask[12:28, 7:13].all() and mask.sum() < 1.4 * 200


def test_templates_refuse_what_does_not_fit():
    empty = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(RefinezooError, match="received none"):
        BackgroundTemplates([])
    with pytest.raises(RefinezooError, match="one size"):
        BackgroundTemplates([empty, empty[:10]])
    with pytest.raises(RefinezooError, match="uint8"):
        BackgroundTemplates([empty.astype(float)])
    with pytest.raises(RefinezooError, match="threshold"):
        BackgroundTemplates([empty], threshold="otzu")
    with pytest.raises(RefinezooError, match="templates' size"):
        BackgroundTemplates([empty]).mask(empty[:, :20])


def test_clean_mask_fills_holes_and_drops_specks():
    mask = np.zeros((64, 64), np.uint8)
    mask[10:50, 10:50] = 1
    mask[25:35, 25:35] = 0
    mask[60, 60] = 1
    cleaned = clean_mask(mask)
    assert cleaned[25:35, 25:35].all() and not cleaned[58:, 58:].any()
    assert set(np.unique(cleaned)) == {0, 1}


def test_grabcut_on_composed_photos():
    centred, boxed = [], []
    for _, image, true in cases(10, 128, seed=3):
        rows, columns = np.flatnonzero(true.any(1)), np.flatnonzero(true.any(0))
        box = [columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1]
        boxed.append(iou(grabcut_mask(image, box)[..., 0] > 0.5, true))
        centred.append(iou(grabcut_mask(image)[..., 0] > 0.5, true))
    print(f"GrabCut IoU: box {np.mean(boxed):.3f}, centre prior {np.mean(centred):.3f}")
    assert np.mean(boxed) > 0.6 and np.mean(centred) > 0.3


@pytest.mark.parametrize("shape", [(64, 64, 3), (7, 5, 3), (1, 1, 3), (300, 20, 3)])
@pytest.mark.parametrize("box", [None, [0, 0, 0, 0], [2, 2, 3, 900], [-50, -50, 10, 10]])
def test_grabcut_never_fails_on_flat_images(shape, box):
    mask = grabcut_mask(np.full(shape, 90, np.uint8), box)
    assert mask.shape == (*shape[:2], 1) and set(np.unique(mask)) <= {0.0, 1.0}
    if shape == (64, 64, 3) and box is None:
        assert 0.1 < mask.mean() < 0.7  # the prior


def test_grabcut_is_repeatable():
    _, image, _ = next(cases(1, 128))
    assert (grabcut_mask(image) == grabcut_mask(image)).all()


def test_masks_of_another_size_are_refused_or_resized_with_a_word(caplog):
    mask = np.zeros((10, 20), np.uint8)
    mask[2:8, 5:15] = 255
    assert as_foreground_mask(mask, 10, 20).sum() == 60
    assert (as_foreground_mask(mask > 0, 10, 20) == as_foreground_mask(mask, 10, 20)).all()
    with pytest.raises(RefinezooError, match="20 x 10 for an image of 40 x 20"):
        as_foreground_mask(mask, 20, 40)
    with caplog.at_level(logging.INFO, "refinezoo"):
        assert as_foreground_mask(mask, 20, 40, resize=True).sum() == 240
    assert "mask resized" in caplog.text
    with pytest.raises(RefinezooError, match="expected a mask"):
        as_foreground_mask(np.zeros((4, 4, 3)), 4, 4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_ids_count_above_zero_and_soft_edges_above_half(dtype):
    ids = np.array([[0, 1, 2, 9], [0, 0, 3, 120]], dtype)
    assert as_foreground_mask(ids, 2, 4)[..., 0].tolist() == [[0, 1, 1, 1], [0, 0, 1, 1]]
    soft = np.array([[0, 20, 127, 255], [0, 0, 128, 255]], dtype)
    expected = [[0, 0, 0, 1], [0, 0, 1, 1]]
    assert as_foreground_mask(soft, 2, 4)[..., 0].tolist() == expected
    assert as_foreground_mask(soft / 255.0, 2, 4)[..., 0].tolist() == expected
    assert not as_foreground_mask(ids * 0, 2, 4).any()


def test_inverted_masks_are_noticed(caplog):
    mask = np.zeros((40, 40), np.uint8)
    mask[8:32, 8:32] = 255
    assert not looks_inverted(mask) and looks_inverted(255 - mask)
    as_foreground_mask(mask, 40, 40)
    assert not caplog.text
    as_foreground_mask(255 - mask, 40, 40)
    assert "inverted" in caplog.text
