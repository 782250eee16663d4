"""Colour statistics: the L*a*b* conversion and the transfer."""

import cv2
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers.colour import (
    ColourMatch,
    ColourTransport,
    channel_statistics,
    draw_photo,
    lab_to_rgb,
    photo_statistics,
    rgb_to_lab,
)

lab_to_rgb, rgb_to_lab = map(compiled, (lab_to_rgb, rgb_to_lab))


def test_lab_equals_opencv_and_inverts(rng):
    rgb = rng.uniform(0, 1, (1, 16, 16, 3)).astype("float32")
    ours = np.asarray(rgb_to_lab(rgb))[0]
    theirs = cv2.cvtColor(rgb[0], cv2.COLOR_RGB2LAB)
    np.testing.assert_allclose(ours, theirs, atol=0.4)  # OpenCV interpolates in a table
    np.testing.assert_allclose(np.asarray(lab_to_rgb(ours[None]))[0], rgb[0], atol=2e-3)


def test_match_gives_the_statistics_of_the_photo(rng):
    photo = cv2.GaussianBlur(rng.integers(60, 200, (32, 32, 3), dtype=np.uint8), (5, 5), 2)
    image = cv2.GaussianBlur(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8), (5, 5), 2)
    layer = ColourMatch(1)
    layer.build(None)
    layer.statistics.assign(photo_statistics(photo)[None])
    matched = compiled(layer)(image[None] / np.float32(127.5) - 1, np.zeros(1, "int32"))
    matched = np.asarray(matched)[0]
    found = photo_statistics(np.rint((matched + 1) * 127.5).astype("uint8"))
    np.testing.assert_allclose(found, photo_statistics(photo), atol=0.8)


def test_flat_images_stay_flat():
    layer = ColourMatch(1)
    layer.build(None)
    flat = np.zeros((1, 8, 8, 3), "float32")
    matched = np.asarray(compiled(layer)(flat, np.zeros(1, "int32")))
    assert np.isfinite(matched).all()
    assert matched.std() < 0.3


def test_the_draw_depends_on_image_and_seed_alone(rng):
    images = rng.uniform(-1, 1, (64, 8, 8, 3)).astype("float32")
    together = np.asarray(draw_photo(images, np.zeros(64, "int32"), 10))
    alone = [int(draw_photo(images[i : i + 1], np.zeros(1, "int32"), 10)[0]) for i in range(64)]
    assert together.tolist() == alone
    other = np.asarray(draw_photo(images, np.ones(64, "int32"), 10))
    assert (other != together).mean() > 0.5
    assert 0 <= together.min() and together.max() < 10
    assert len(set(alone)) >= 8


def test_transport_moves_the_population_and_keeps_what_differs():
    rng = np.random.default_rng(0)
    renders = rng.uniform(0.2, 0.5, (6, 1, 1, 3)) + rng.uniform(0, 0.2, (6, 16, 16, 3))
    photos = rng.uniform(0.4, 0.7, (5, 1, 1, 3)) + rng.uniform(0, 0.1, (5, 16, 16, 3))
    eight_bits = [[(i * 255).round().astype("uint8") for i in part] for part in (renders, photos)]
    layer = ColourTransport()
    layer.build()
    same = layer(ops.convert_to_tensor(renders * 2 - 1, "float32"))
    np.testing.assert_allclose(ops.convert_to_numpy(same), renders * 2 - 1, atol=1e-2)
    layer.adapt(eight_bits[1], renders=eight_bits[0])
    moved = (ops.convert_to_numpy(layer(ops.convert_to_tensor(renders * 2 - 1, "float32"))) + 1) / 2
    moved = [(image * 255).round().astype("uint8") for image in moved]
    before, wanted, after = (
        np.array([channel_statistics(image) for image in part]) for part in (*eight_bits, moved)
    )
    np.testing.assert_allclose(after[:, :3].mean(0), wanted[:, :3].mean(0), atol=0.01)
    np.testing.assert_allclose(after[:, :3].std(0), wanted[:, :3].std(0), atol=0.01)
    assert np.corrcoef(before[:, 0], after[:, 0])[0, 1] > 0.99  # lighter stays lighter
    with pytest.raises(RefinezooError, match="received 0 renders and 5 photos"):
        layer.adapt(eight_bits[1])
