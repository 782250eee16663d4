import numpy as np
import pytest

from refinezoo.tasks.detection import Augmentation

pytestmark = pytest.mark.once


def test_an_image_without_objects_is_always_in_view():
    augmentation = Augmentation(photometric=0.0, expand=1.0)
    image = np.full((40, 40, 3), 9, np.uint8)
    crowd_only = np.array([[0, 0, 3, 3]], "float32"), np.zeros(1, int), np.ones(1, bool)
    nothing = np.zeros((0, 4), "float32"), np.zeros(0, int), np.zeros(0, bool)
    for boxes, labels, crowd in (crowd_only, nothing):
        for seed in range(60):
            random = np.random.default_rng(seed)
            augmented, *_ = augmentation(image, boxes, labels, crowd, 32, random)
            assert (augmented == 9).mean() > 0.9


def test_images_with_objects_are_still_zoomed_out():
    augmentation = Augmentation(photometric=0.0, expand=1.0, min_ious=(None,))
    image = np.full((40, 40, 3), 9, np.uint8)
    boxes = np.array([[5, 5, 30, 30]], "float32")
    augmented, found, labels, _ = augmentation(
        image, boxes, np.array([4]), np.zeros(1, bool), 32, np.random.default_rng(0)
    )
    assert 0 < (augmented == 9).all(-1).mean() < 1
    assert labels.tolist() == [4] and found.shape == (1, 4)
