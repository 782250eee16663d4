"""The camera of photos: what is measured, what is added, and that it is the same everywhere."""

import cv2
import numpy as np
import pytest
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers.camera import Camera, camera_of, gaussian_noise
from refinezoo.refiners import CameraModel


def picture(seed, blur=0.0, noise=0.0):
    """Squares of 16 px, blurred by so many pixels, with noise of so many levels."""
    rng = np.random.default_rng(seed)
    squares = np.kron(rng.integers(0, 2, (8, 8, 3)), np.ones((16, 16, 1))) * 140.0 + 50.0
    soft = cv2.GaussianBlur(squares, (0, 0), blur) if blur else squares
    return np.clip(np.rint(soft + rng.normal(0.0, noise, soft.shape)), 0, 255).astype("uint8")


@pytest.mark.parametrize("noise", [2.0, 8.0])
@pytest.mark.parametrize("blur", [0.8, 1.2])
def test_what_is_injected_is_measured(blur, noise):
    measured = np.mean([camera_of(picture(seed, blur, noise)) for seed in range(4)], axis=0)
    assert measured[1] * 127.5 == pytest.approx(noise, rel=0.2)
    assert measured[0] == pytest.approx(blur, abs=0.4)  # a gradient of whole pixels blurs too
    softer = camera_of(picture(0, blur + 0.5, noise))
    assert softer[0] > measured[0] + 0.1


@pytest.mark.parametrize(("of_renders", "of_photos"), [(0.8, 1.4), (1.4, 0.8), (1.0, 1.0)])
def test_images_get_the_sharpness_and_noise_of_the_photos(of_renders, of_photos):
    renders = [picture(seed, of_renders) for seed in range(4)]
    photos = [picture(seed, of_photos, 3.0) for seed in range(4, 8)]
    model = CameraModel(photos=4).adapt(photos, renders=renders)
    before, after, wanted = (
        np.median([camera_of(image) for image in images], axis=0)
        for images in (renders, model.refine(np.stack(renders)), photos)
    )
    assert abs(after[0] - wanted[0]) <= max(abs(before[0] - wanted[0]) / 2, 0.1)
    assert after[1] == pytest.approx(wanted[1], rel=0.35)
    assert before[1] < 0.2 * after[1]


def test_unadapted_it_changes_nothing_and_photos_are_needed():
    image = picture(0)
    assert np.array_equal(CameraModel(photos=2).refine(image), image)
    for photos, renders in (([], [image]), ([image], [])):
        with pytest.raises(RefinezooError, match="adapt\\(photos, renders=renders\\)"):
            CameraModel(photos=2).adapt(photos, renders=renders)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 3), (16, 16)])
def test_small_and_flat_pictures(shape):
    flat = np.full((*shape, 3), 90, "uint8")
    assert np.isfinite(camera_of(flat)).all()
    model = CameraModel(photos=1).adapt([picture(1, 1.2, 5.0)], renders=[picture(2, 0.8), flat])
    assert model.refine(flat).shape == flat.shape


def test_noise_is_white_normal_and_of_image_and_seed_alone():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    seeds = np.array([3, 3], "int32")
    noise = ops.convert_to_numpy(gaussian_noise(images, seeds))
    alone = ops.convert_to_numpy(gaussian_noise(images[1:], seeds[1:]))
    np.testing.assert_array_equal(noise[1:], alone)
    assert abs(noise.mean()) < 0.03 and noise.std() == pytest.approx(1.0, abs=0.03)
    flat = noise.reshape(2, -1)
    assert abs(np.corrcoef(flat)[0, 1]) < 0.04
    assert np.abs(np.corrcoef(noise[0].reshape(-1, 3).T) - np.eye(3)).max() < 0.06
    spectrum = np.abs(np.fft.fft2(noise[0, ..., 0])) ** 2 / 64**2
    assert spectrum.max() < 20.0  # of 4,096 exponential values: above 20 with probability 1e-5
    other = ops.convert_to_numpy(gaussian_noise(images, seeds + 1))
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.04


def test_a_blur_keeps_the_mean_and_both_axes():
    layer = Camera(1)
    layer.build()
    layer.cameras.assign([[1.0, -1.0, 0.0]])
    point = np.zeros((1, 15, 15, 3), "float32")
    point[0, 7, 7] = 1.0
    spread = ops.convert_to_numpy(layer(point, point, np.zeros(1, "int32")))[0, ..., 0]
    wanted = cv2.GaussianBlur(point[0, ..., 0], (9, 9), 1.0)
    np.testing.assert_allclose(spread, wanted, atol=1e-4)


def test_rounding_of_the_colours_draws_nothing_anew():
    model = CameraModel(photos=3).adapt(
        [picture(seed, 1.0, 6.0) for seed in range(3)], renders=[picture(seed) for seed in range(3)]
    )
    images = picture(5)[None].astype("float32") / 127.5 - 1.0
    moved = np.random.default_rng(0).uniform(-0.9, 0.9, images.shape).astype("float32")
    seed = np.zeros(1, "int32")
    one, other = (
        ops.convert_to_numpy(model.camera(each, images, seed)) for each in (moved, moved + 1e-4)
    )
    np.testing.assert_allclose(one, other, atol=1e-3)
