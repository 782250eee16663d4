"""The camera of photos: what is measured, what is added, and that it is the same everywhere."""

import json

import cv2
import numpy as np
import pytest
from compiled import compiled
from keras import ops

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.layers.camera import Camera, camera_of, gaussian_noise
from refinezoo.layers.jpeg import jpeg, jpeg_quality
from refinezoo.layers.vignetting import vignetted, vignetting_of
from refinezoo.refiners import CameraModel

gaussian_noise, jpeg = map(compiled, (gaussian_noise, jpeg))


def squares(seed, blur=0.0, noise=0.0):
    """Squares of 16 px, blurred by so many pixels, with noise of so many levels."""
    rng = np.random.default_rng(seed)
    sharp = np.kron(rng.integers(0, 2, (8, 8, 3)), np.ones((16, 16, 1))) * 140.0 + 50.0
    soft = cv2.GaussianBlur(sharp, (0, 0), blur) if blur else sharp
    return np.clip(np.rint(soft + rng.normal(0.0, noise, soft.shape)), 0, 255).astype("uint8")


@pytest.mark.parametrize("noise", [2.0, 8.0])
@pytest.mark.parametrize("blur", [0.8, 1.2])
def test_what_is_injected_is_measured(blur, noise):
    measured = np.mean([camera_of(squares(seed, blur, noise)) for seed in range(4)], axis=0)
    assert measured[1] * 127.5 == pytest.approx(noise, rel=0.2)
    assert measured[0] == pytest.approx(blur, abs=0.4)  # a gradient of whole pixels blurs too
    softer = camera_of(squares(0, blur + 0.5, noise))
    assert softer[0] > measured[0] + 0.1


@pytest.mark.parametrize(("of_renders", "of_photos"), [(0.8, 1.4), (1.4, 0.8), (1.0, 1.0)])
def test_images_get_the_sharpness_and_noise_of_the_photos(of_renders, of_photos):
    renders = [squares(seed, of_renders) for seed in range(4)]
    photos = [squares(seed, of_photos, 3.0) for seed in range(4, 8)]
    model = CameraModel(photos=4).adapt(photos, renders=renders)
    before, after, wanted = (
        np.median([camera_of(image) for image in images], axis=0)
        for images in (renders, model.refine(np.stack(renders)), photos)
    )
    assert abs(after[0] - wanted[0]) <= max(abs(before[0] - wanted[0]) / 2, 0.1)
    assert after[1] == pytest.approx(wanted[1], rel=0.35)
    assert before[1] < 0.2 * after[1]


def test_unadapted_it_changes_nothing_and_photos_are_needed():
    image = squares(0)
    assert np.array_equal(CameraModel(photos=2).refine(image), image)
    for photos, renders in (([], [image]), ([image], [])):
        with pytest.raises(RefinezooError, match="adapt\\(photos, renders=renders\\)"):
            CameraModel(photos=2).adapt(photos, renders=renders)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 3), (16, 16)])
def test_small_and_flat_images(shape):
    flat = np.full((*shape, 3), 90, "uint8")
    assert np.isfinite(camera_of(flat)).all()
    model = CameraModel(photos=1).adapt([squares(1, 1.2, 5.0)], renders=[squares(2, 0.8), flat])
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
    spread = ops.convert_to_numpy(compiled(layer)(point, point, np.zeros(1, "int32")))[0, ..., 0]
    wanted = cv2.GaussianBlur(point[0, ..., 0], (9, 9), 1.0)
    np.testing.assert_allclose(spread, wanted, atol=1e-4)


def test_rounding_of_the_colours_draws_nothing_anew():
    model = CameraModel(photos=3).adapt(
        [squares(seed, 1.0, 6.0) for seed in range(3)], renders=[squares(seed) for seed in range(3)]
    )
    images = squares(5)[None].astype("float32") / 127.5 - 1.0
    moved = np.random.default_rng(0).uniform(-0.9, 0.9, images.shape).astype("float32")
    camera, seed = compiled(model.camera), np.zeros(1, "int32")
    one, other = (
        ops.convert_to_numpy(camera(each, images, seed)) for each in (moved, moved + 1e-4)
    )
    np.testing.assert_allclose(one, other, atol=1e-3)


def shelf(seed, size=(96, 128)):
    """Blurred blobs of all sizes: light that changes slowly, either way."""
    rng = np.random.default_rng(seed)
    image = np.zeros((*size, 3))
    for cells in (3, 6, 12, 24, 48):
        layer = rng.normal(0, 1.0 / cells**0.5, (cells, cells, 3))
        image += cv2.resize(layer, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(130 + 45 * image), 0, 255).astype("uint8")


def with_lens(image, amount):
    lost = ops.convert_to_numpy(vignetted(image[None] / np.float32(127.5) - 1.0, amount))[0]
    return np.clip(np.rint((lost + 1.0) * 127.5), 0, 255).astype("uint8")


def saved(image, quality):
    content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]


def test_the_light_of_the_corners_is_lost_as_written():
    white = np.ones((2, 9, 13, 3), "float32")
    seen = ops.convert_to_numpy(vignetted(white, 0.4))
    y, x = np.mgrid[-4:5, -6:7]
    wanted = 2.0 * (1.0 - 0.4 * (y**2 + x**2) / ((9**2 + 13**2) / 4)) - 1.0
    np.testing.assert_allclose(seen[1, ..., 2], wanted, atol=1e-5)


@pytest.mark.once
@pytest.mark.parametrize("amount", [0.0, 0.3, 0.6])
def test_lost_light_is_measured_in_many_photos(amount):
    found = [vignetting_of(with_lens(shelf(seed), amount)) for seed in range(60)]
    assert np.median(found) == pytest.approx(amount, abs=0.09)


@pytest.mark.parametrize("quality", [25, 60, 90])
@pytest.mark.parametrize("size", [(96, 128), (37, 21)])
def test_jpeg_is_what_an_encoder_makes(quality, size):
    images = np.stack([shelf(seed, size) for seed in range(2)])
    inputs = images.astype("float32") / 127.5 - 1.0
    computed = ops.convert_to_numpy(jpeg(inputs, np.array([quality, 100.0], "float32")))
    np.testing.assert_array_equal(computed[1], inputs[1])  # 100 is none
    encoded = saved(images[0], quality).astype(float)
    levels = np.clip((computed[0] + 1.0) * 127.5, 0, 255)
    assert np.abs(levels - encoded).mean() < 0.5 * np.abs(encoded - images[0]).mean()


@pytest.mark.once
@pytest.mark.parametrize("quality", [30, 55, 75, 90])
def test_the_quality_of_a_photo_is_read_from_its_pixels(quality):
    rng = np.random.default_rng(0)
    photo = np.clip(shelf(1) + rng.normal(0, 6, (96, 128, 3)), 0, 255).astype("uint8")
    assert jpeg_quality(photo) == 100
    stored = saved(photo, quality)
    assert abs(jpeg_quality(stored) - quality) <= 3
    smaller = cv2.resize(stored, (80, 60), interpolation=cv2.INTER_AREA)
    assert jpeg_quality(smaller) == jpeg_quality(np.full((5, 9, 3), 7, "uint8")) == 100


@pytest.mark.once
def test_lens_and_jpeg_are_those_of_the_photos(tmp_path):
    renders = [shelf(seed) for seed in range(30)]
    noisy = [
        np.clip(shelf(s) + np.random.default_rng(s).normal(0, 5, (96, 128, 3)), 0, 255)
        for s in range(40, 70)
    ]
    photos = [saved(with_lens(image.astype("uint8"), 0.4), 40) for image in noisy]
    model = CameraModel(photos=8, vignetting=True, jpeg=True).adapt(photos, renders=renders)
    refined = model.refine(np.stack(renders))
    assert np.median([vignetting_of(image) for image in refined]) > 0.2
    assert np.median([jpeg_quality(image) for image in refined]) < 50
    loaded = refinezoo.load(model.save_to_preset(tmp_path / "preset"))
    loaded.run_eagerly = True  # a trace costs more than an image
    assert np.abs(loaded.refine(renders[0]).astype(int) - refined[0]).mean() < 1
    same = CameraModel(photos=8, vignetting=True, jpeg=True).adapt(renders, renders=renders)
    assert float(same.camera.falloff) == 0 and np.all(np.asarray(same.camera.qualities) == 100)


@pytest.mark.once
def test_a_preset_from_before_lens_and_jpeg_loads(tmp_path, eager):
    photos, renders = [squares(0, 1.0, 4.0)], [squares(1)]
    model = CameraModel(photos=2).adapt(photos, renders=renders)
    folder = model.save_to_preset(tmp_path / "preset")
    config = json.loads((folder / "config.json").read_text())
    for name in ("vignetting", "jpeg"):
        del config["config"][name]  # as it was written then
    (folder / "config.json").write_text(json.dumps(config))
    refined = refinezoo.load(folder).refine(renders[0]).astype(int)
    assert np.abs(refined - model.refine(renders[0])).max() <= 1
