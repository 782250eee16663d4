"""Matched crops: alike content, known draws, and what has no counterpart."""

import numpy as np
import pytest

from refinezoo.data import MatchedCrops, unpaired
from refinezoo.data.matching import nearest, normalised
from refinezoo.errors import RefinezooError

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


def striped(*names, noise=0):
    """An image of equal vertical stripes, uint8 [40, 120, 3], a little brighter by `noise`."""
    stripes = [np.full((40, 120 // len(names), 3), COLOURS[name], "uint8") for name in names]
    return np.concatenate(stripes, axis=1) + np.uint8(noise)


def mean_colour(crops):
    return crops.astype("float32").mean(axis=(1, 2))


def settings(**changes):
    return MatchedCrops(mean_colour, **{"window": 0.6, "per_image": 12, **changes})


def matched(synthetic, real, **changes):
    return unpaired(
        synthetic,
        real,
        image_size=16,
        batch_size=4,
        steps=8,
        augment=False,
        seed=3,
        matched_crops=settings(**changes),
    )


def test_pairs_show_alike_content():
    renders = [striped("red", "green", "blue"), striped("green", "red")]
    photos = [striped("blue", "red", "green", noise=40), striped("red", "blue", noise=40)]
    data = matched(renders, photos, neighbours=3)
    pairs = [data[index] for index in range(len(data))]
    left, right = (
        np.concatenate([mean_colour(pair[half]["image"]) for pair in pairs])
        for half in ("synthetic", "real")
    )
    gap = np.abs(left + 40 - right).mean()
    assert gap < np.abs(left + 40 - np.roll(right, 1, axis=0)).mean() / 2
    again = matched(renders, photos, neighbours=3)
    np.testing.assert_array_equal(data[5]["real"]["image"], again[5]["real"]["image"])


def test_crops_of_any_shape_are_matched():
    renders = [striped("red", "green"), striped("blue")]
    data = unpaired(renders, renders, image_size=(16, 48), matched_crops=settings(window=0.5))
    windows = {window[2:] for crops in data.sampler.matches.crops for _, window in crops}
    assert windows == {(16, 48)}  # halves of images kept at 32 x 96
    assert data[0]["real"]["image"].shape == (1, 16, 48, 3)


def test_the_report_names_what_has_no_counterpart():
    renders = [striped("red", "green"), striped("blue")]
    photos = [striped("red", "green", noise=20), striped("green", "red", noise=20)]
    data = matched(renders, photos)
    report = data.sampler.matches.report()
    assert report["synthetic"]["crops"] == 24 and report["synthetic"]["without"] >= 12
    assert len(report["synthetic"]["images_without"]) == 1
    assert not report["real"]["images_without"]
    assert 0.0 <= report["median_distance"] <= 2.0
    shown = np.concatenate([data[k]["synthetic"]["image"].reshape(-1, 3) for k in range(len(data))])
    assert shown[:, 2].max() == 0  # no blue


def test_crops_of_rare_positions_are_drawn_more_often():
    renders = [striped("red", "green"), striped("green", "red")]
    data = matched(renders, renders, neighbours=2)
    weights = np.diff(data.sampler.matches.cumulated, prepend=0.0)
    matches = data.sampler.matches
    crops = [matches.crops[0][i] for i in matches.matched]
    density = np.zeros((64, 64))
    cells = [matches._cells(crop, data.sampler.domains[0]) for crop in crops]
    for cell in cells:
        density[cell] += 1
    expected = np.array([density.max() / density[cell].mean() for cell in cells])
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-6)
    drawn = [matches.draw(0, t) for t in range(4000)]
    counts = {crop: 0 for crop in crops}
    for crop in drawn:
        counts[crop] += 1
    seen = np.array([counts[crop] for crop in crops])
    assert np.corrcoef(seen, weights)[0, 1] > 0.5


def test_masks_and_depth_are_cut_alike():
    image = striped("red", "green", "blue")
    data = unpaired(
        [image],
        [image],
        image_size=16,
        augment=False,
        masks=lambda image: (image[..., 0] > 100).astype("float32"),
        matched_crops=settings(),
        steps=6,
    )
    for index in range(6):
        half = data[index]["synthetic"]
        red = half["image"][..., :1] > 100
        assert (red == (half["foreground_mask"] > 0.5)).mean() > 0.9


def test_nearest_is_the_nearest(rng):
    rows, others = normalised(rng.normal(size=(7, 4))), normalised(rng.normal(size=(9, 4)))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0)
    places, distances = nearest(rows, others, 20)
    assert places.shape == (7, 9)
    table = np.linalg.norm(rows[:, None] - others[None], axis=-1)
    np.testing.assert_allclose(distances, np.sort(table, axis=1), atol=1e-6)
    np.testing.assert_array_equal(places, np.argsort(table, axis=1))


def test_no_matching_crops_at_all_is_worded():
    red, green = [striped("red", "green")], [striped("blue")]
    with pytest.raises(RefinezooError, match="raise distance"):
        matched(red, green)


def test_crops_of_each_image_were_once_per_picture():
    with pytest.warns(FutureWarning, match=r"MatchedCrops\(per_picture=\) is called per_image="):
        assert MatchedCrops(mean_colour, per_picture=3) == MatchedCrops(mean_colour, per_image=3)


def test_impossible_settings_are_named():
    for wrong in ({"window": 0.0}, {"per_image": 0}, {"describe": "l2"}):
        with pytest.raises(RefinezooError, match="expected describe as a function"):
            MatchedCrops(**{"describe": mean_colour, **wrong})
    with pytest.raises(RefinezooError, match="one row per crop"):
        unpaired(
            [striped("red")],
            [striped("red")],
            image_size=16,
            matched_crops=MatchedCrops(lambda crops: np.zeros(3)),
        )
