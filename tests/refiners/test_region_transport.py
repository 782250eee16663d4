"""Objects get the colours of objects, background those of background, and nothing without masks."""

import numpy as np
import pytest
from keras import ops
from small_sets import left_half

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.layers.region_colour import RegionColours, region_statistics
from refinezoo.refiners import PopulationTransport, RegionTransport


def masked_images(seed, foreground, background, count=4):
    """Noise about one grey level on the left and another on the right, each with its mask."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        image = np.empty((24, 32, 3), np.uint8)
        image[:, :16] = np.clip(rng.normal(foreground + rng.normal(0, 5), 10, (24, 16, 3)), 0, 255)
        image[:, 16:] = np.clip(rng.normal(background + rng.normal(0, 5), 10, (24, 16, 3)), 0, 255)
        found.append((image, left_half(image)))
    return found


def means(pairs):
    """Mean level of objects and of the rest."""
    return [
        np.mean([image[mask[..., 0] == side].mean() for image, mask in pairs]) for side in (1, 0)
    ]


def test_each_region_goes_to_its_own():
    renders, photos = masked_images(0, 150, 150), masked_images(1, 90, 200)
    model = RegionTransport().adapt(photos, renders=renders)
    images, masks = map(np.stack, zip(*renders, strict=True))
    refined = model.refine(images, foreground_mask=masks)
    np.testing.assert_allclose(means([*zip(refined, masks, strict=True)]), means(photos), atol=2.0)
    whole = PopulationTransport().adapt(
        [image for image, _ in photos], renders=[image for image, _ in renders]
    )
    blind = means([*zip(whole.refine(images), masks, strict=True)])
    assert abs(blind[0] - means(photos)[0]) > 30  # a statistic of the whole cannot tell them apart


def test_the_formula_in_numpy(rng):
    """s' = m_real + (s - m) d_real / d per region, with soft masks too."""
    parts = [
        [(rng.integers(0, 256, (12, 9, 3), "uint8"), rng.uniform(0, 1, (12, 9, 1))) for _ in "abc"]
        for _ in range(2)
    ]
    layer = RegionColours(least=0.01, most=100.0)
    layer.build()
    layer.adapt(*parts)
    image = rng.uniform(-0.2, 0.2, (1, 6, 5, 3)).astype("float32")
    mask = rng.uniform(0, 1, (1, 6, 5, 1)).astype("float32")
    wanted = np.zeros_like(image)
    for number, weights in enumerate((mask, 1 - mask)):
        rows = [[region_statistics(*pair)[number] for pair in part] for part in parts]
        (m_real, d_real), (m, d) = ((np.mean(r, axis=0), np.std(r, axis=0)) for r in rows)
        mean = np.average(image.reshape(-1, 3), axis=0, weights=weights.ravel())
        deviation = np.sqrt(
            np.average((image.reshape(-1, 3) - mean) ** 2, axis=0, weights=weights.ravel())
        )
        goal = m_real + (np.concatenate([mean, deviation]) - m) * d_real / d
        gain = np.clip(goal[3:] / (deviation + 1e-3), 0.01, 100.0)
        wanted += weights * ((image - mean) * gain + goal[:3])
    given = ops.convert_to_numpy(layer(image, mask))
    np.testing.assert_allclose(given, np.clip(wanted, -1, 1), atol=2e-4)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_empty_or_full_mask_leaves_the_other_region_out(value):
    model = RegionTransport().adapt(masked_images(1, 90, 200), renders=masked_images(0, 150, 150))
    image = masked_images(2, 150, 150, 1)[0][0]
    refined = model.refine(image, foreground_mask=np.full((24, 32), value, "float32"))
    assert refined.shape == image.shape
    assert refined.mean() == pytest.approx(90 if value else 200, abs=15)


@pytest.mark.once
def test_unadapted_it_changes_nothing_and_any_size_is_taken(rng):
    model = RegionTransport()
    images = [rng.integers(0, 256, size, "uint8") for size in ((1, 1, 3), (7, 5, 3), (7, 5, 3))]
    refined = model.refine(images, foreground_mask=[np.ones(i.shape[:2], bool) for i in images])
    for before, after in zip(images, refined, strict=True):
        np.testing.assert_array_equal(before, after)
    flat = np.full((8, 8, 3), 90, "uint8")
    adapted = RegionTransport().adapt(masked_images(1, 90, 200), renders=masked_images(0, 150, 150))
    assert np.ptp(adapted.refine(flat, foreground_mask=np.eye(8))[np.eye(8) > 0]) == 0


@pytest.mark.once
def test_what_is_missing_or_no_mask_is_worded():
    photos, renders = masked_images(1, 90, 200), masked_images(0, 150, 150)
    for some, others in (([], renders), (photos, [])):
        with pytest.raises(RefinezooError, match="adapt\\(photos, renders=renders\\)"):
            RegionTransport().adapt(some, renders=others)
    empty = [(image, np.zeros_like(mask)) for image, mask in photos]
    with pytest.raises(RefinezooError, match="expected object under the masks of some of the 4 ph"):
        RegionTransport().adapt(empty, renders=renders)
    full = [(image, np.ones_like(mask)) for image, mask in renders]
    with pytest.raises(RefinezooError, match="expected background under .* of the 4 renders"):
        RegionTransport().adapt(photos, renders=full)
    with pytest.raises(RefinezooError, match="expected foreground_mask .24, 32, 1.*received none"):
        RegionTransport().adapt([image for image, _ in photos], renders=renders)
    model, image = RegionTransport().adapt(photos, renders=renders), photos[0][0]
    with pytest.raises(RefinezooError, match="Call refine\\(images, foreground_mask=masks\\)"):
        model.refine(image[None])
    with pytest.raises(RefinezooError, match="received uint8 .24, 31, 1."):
        model.refine(image, foreground_mask=np.zeros((24, 31, 1), "uint8"))
    with pytest.raises(RefinezooError, match="Divide 0..255 masks by 255"):
        model.refine(image, foreground_mask=np.full((24, 32), 255, "uint8"))
    with pytest.raises(RefinezooError, match="takes masks\\), received ndarray"):
        model.predict(image)


@pytest.mark.once
def test_a_preset_keeps_the_populations(tmp_path):
    model = RegionTransport().adapt(masked_images(1, 90, 200), renders=masked_images(0, 150, 150))
    loaded = refinezoo.load(model.save_to_preset(tmp_path / "preset"))
    image, mask = masked_images(2, 150, 150, 1)[0]
    refined = [each.refine(image, foreground_mask=mask).astype(int) for each in (model, loaded)]
    assert loaded.use_mask and np.abs(refined[0] - refined[1]).max() <= 1
