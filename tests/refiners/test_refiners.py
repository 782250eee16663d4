"""What every refiner promises, checked for each of them; and what each method adds."""

import keras
import numpy as np
import pytest
from small_sets import left_half

from refinezoo.errors import RefinezooError
from refinezoo.models.images import pad_to_multiple
from refinezoo.models.registry import model_class, model_names
from refinezoo.refiners import FDA, CycleGAN, CycleGANForegroundBackground, Refiner, Reinhard

# Tracing costs TensorFlow more than a step or two; JAX is slow without it.
EAGER = keras.backend.backend() == "tensorflow"
TINY = {"width": 4, "blocks": 1, "image_size": 32, "pool_size": 2}
REFINERS = {name: (name, {}) for name in model_names() if issubclass(model_class(name), Refiner)}
# Arguments that send the images of a registered class another way.
REFINERS |= {
    "CycleGAN-resize": ("CycleGAN", {"upsampling": "resize", "residual": True}),
    "CycleGAN-affine": ("CycleGAN", {"generator": "affine"}),
    "CameraModel-plain": ("CameraModel", {"vignetting": False, "jpeg": False}),
}


@pytest.fixture(scope="module", params=REFINERS)
def refiner(request, small_model):
    keras.utils.set_random_seed(0)
    name, changes = REFINERS[request.param]
    images = np.random.default_rng(0).integers(0, 255, (6, 20, 30, 3), "uint8")
    return small_model(name, images[:4], images[4:], **changes)


def refine(refiner, images, **options):
    """`refiner.refine`, with a mask where it takes one."""
    if getattr(refiner, "use_mask", False):
        options["foreground_mask"] = left_half(images)
    return refiner.refine(images, **options)


@pytest.mark.parametrize("size", [(33, 50), pytest.param((1, 3), marks=pytest.mark.once)])
def test_refined_images_keep_size_and_dtype(refiner, size, rng):
    images = rng.integers(0, 256, (2, *size, 3), "uint8")
    refined = refine(refiner, images)
    assert refined.shape == images.shape and refined.dtype == np.uint8
    np.testing.assert_array_equal(refine(refiner, images), refined)


@pytest.mark.once
def test_an_image_is_refined_alike_in_any_company(refiner, images):
    together = refine(refiner, images, seed=5)
    alone = refine(refiner, images[1], seed=5)
    assert alone.shape == (32, 32, 3)
    assert np.abs(together[1].astype(int) - alone).max() <= 1


@pytest.mark.once
def test_strength_blends(refiner, images):
    full = refine(refiner, images).astype(float)
    np.testing.assert_array_equal(refine(refiner, images, strength=0.0), images)
    half = refine(refiner, images, strength=0.5)
    assert np.abs(half - (images + full) / 2).max() <= 1.0
    with pytest.raises(RefinezooError, match=r"strength in \[0, 1\]"):
        refine(refiner, images, strength=1.5)


@pytest.mark.once
def test_the_inference_network_is_what_refines(refiner, images):
    inputs = images.astype("float32") / 127.5 - 1.0
    if getattr(refiner, "use_mask", False):
        inputs = np.concatenate([inputs, left_half(images)], axis=-1)
    raw = np.asarray(refiner.inference_network(inputs))
    expected = np.clip(np.rint((raw + 1.0) * 127.5), 0, 255)
    assert np.abs(refine(refiner, images) - expected).max() <= 1.0


@pytest.mark.once
def test_preset_round_trip(refiner, images, tmp_path):
    import refinezoo

    refiner.save_to_preset(tmp_path / "preset")
    revived = refinezoo.load(str(tmp_path / "preset"))
    assert type(revived) is type(refiner)
    difference = np.abs(refine(revived, images).astype(int) - refine(refiner, images))
    assert difference.max() <= 3 and difference.mean() < 0.5  # stored in half precision


@pytest.mark.once
@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 8, 8), "uint8"),
        np.zeros((8, 8, 4), "uint8"),
        np.zeros((8, 8, 3), "float32"),
        np.zeros((8, 8, 3), "uint16"),
        np.zeros((0, 8, 8, 3), "uint8"),
    ],
)
def test_other_inputs_are_refused_with_words(refiner, wrong):
    with pytest.raises(RefinezooError, match="expected uint8 RGB images"):
        refine(refiner, wrong)


@pytest.mark.parametrize("cls", [Reinhard, FDA])
def test_baselines_move_towards_the_photos(cls, images):
    dark = [np.clip(images[0] * 0.2, 0, 255).astype("uint8")]
    refined = cls(photos=1).adapt(dark).refine(images[1])
    assert abs(refined.mean() - dark[0].mean()) < abs(images[1].mean() - dark[0].mean()) / 4
    with pytest.raises(RefinezooError, match="received none"):
        cls(photos=1).adapt([])


def test_seeds_draw_other_photos(rng):
    photos = [np.full((8, 8, 3), value, "uint8") for value in range(0, 250, 10)]
    model = Reinhard(photos=25).adapt(photos)
    image = rng.integers(0, 256, (16, 16, 3), "uint8")
    means = {round(float(model.refine(image, seed=seed).mean())) for seed in range(10)}
    assert len(means) > 3


def test_fda_swaps_only_low_frequencies(rng):
    image = rng.integers(60, 190, (32, 32, 3), "uint8")
    photo = rng.integers(60, 190, (48, 40, 3), "uint8")
    refined = FDA(photos=1, cycles=2).adapt([photo]).refine(image)
    before, after = (np.fft.fft2(x[..., 0] / 255.0) / 1024 for x in (image, refined))
    wanted = np.fft.fft2(photo[..., 0] / 255.0) / photo[..., 0].size
    low = [0, 1, 2, -1, -2]
    window = np.ix_(low, low)
    np.testing.assert_allclose(np.abs(after[window]), np.abs(wanted[window]), atol=1e-3)
    angle = np.angle(after[window] / before[window])
    assert np.abs(angle[np.abs(wanted[window]) > 5e-3]).max() < 0.2
    before[window] = after[window] = 0
    assert np.abs(before - after).max() < 2e-3


def losses_of(model, seed=0, masks=None):
    rng = np.random.default_rng(seed)

    def half():
        image = rng.integers(0, 256, (2, 32, 32, 3), "uint8")
        mask = np.ones((2, 32, 32, 1), "float32") if masks is None else masks
        return {"image": image, "foreground_mask": mask}

    model.compile(run_eagerly=EAGER)
    batch = {"synthetic": half(), "real": half()}
    return model.test_on_batch(batch, return_dict=True)


@pytest.mark.once
def test_background_and_foreground_terms_at_the_extremes():
    model = CycleGANForegroundBackground(**TINY)
    empty = losses_of(model, masks=np.zeros((2, 32, 32, 1), "float32"))
    assert empty["foreground"] == 0.0
    assert empty["background"] == pytest.approx(empty["cycle"], rel=1e-5)
    full = losses_of(model, masks=np.ones((2, 32, 32, 1), "float32"))
    assert full["background"] == 0.0 and full["foreground"] > 0.0


@pytest.mark.once
def test_foreground_loss_can_watch_the_translated_image():
    keras.utils.set_random_seed(0)
    on_cycle = CycleGANForegroundBackground(**TINY, fg_on="cycle")
    keras.utils.set_random_seed(0)
    on_translated = CycleGANForegroundBackground(**TINY, fg_on="translated")
    a, b = losses_of(on_cycle), losses_of(on_translated)
    assert a["cycle"] == pytest.approx(b["cycle"], rel=1e-5)
    assert a["foreground"] != pytest.approx(b["foreground"], rel=1e-4)
    for wrong in ({"fg_on": "x"}, {"hue_distance": "x"}):
        with pytest.raises(ValueError, match="expected"):
            CycleGANForegroundBackground(**TINY, **wrong)


@pytest.mark.once
def test_running_mean_refines(rng):
    model = CycleGAN(**TINY, ema_decay=0.5, residual=True)
    model.compile(run_eagerly=EAGER)
    model.generator_mean.set_weights([0.9 * w for w in model.generator_mean.get_weights()])
    start = [np.asarray(v) for v in model.generator_mean.variables]
    image = {"image": rng.integers(0, 256, (2, 32, 32, 3), "uint8")}
    model.train_on_batch({"synthetic": image, "real": image})
    decay = 2 / 11  # min(0.5, (1 + step) / (10 + step)) after step 1
    for before, mean, now in zip(
        start, model.generator_mean.variables, model.generator_s2r.variables, strict=True
    ):
        expected = decay * before + (1 - decay) * np.asarray(now)
        np.testing.assert_allclose(np.asarray(mean), expected, atol=1e-5)


@pytest.mark.once
def test_padding_mirrors_up_to_the_stride():
    image = np.arange(5 * 6 * 3, dtype="uint8").reshape(1, 5, 6, 3)
    padded = pad_to_multiple(image, 4)
    assert padded.shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(padded[:, :5, :6], image)
    np.testing.assert_array_equal(padded[:, 5, :6], image[:, 4])


@pytest.mark.once
def test_predict_equals_the_training_time_call(rng):
    model = CycleGANForegroundBackground(**TINY, colour="match", colour_photos=2)
    images = rng.uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    called = np.asarray(model(images, training=True))
    np.testing.assert_allclose(model.predict_on_batch(images), called, atol=1e-5)


def test_the_paper_schedule_is_constant_then_linear():
    model = CycleGAN(**TINY, learning_rate=2e-4, decay_steps=(100, 100))
    model.compile()
    schedule = model.default_optimizers()["generators"]._learning_rate
    rates = [float(schedule(step)) for step in (0, 100, 150, 200, 300)]
    assert rates == pytest.approx([2e-4, 2e-4, 1e-4, 0.0, 0.0], abs=1e-9)
    revived = type(schedule).from_config(schedule.get_config())
    assert float(revived(150)) == pytest.approx(1e-4)
    with pytest.raises(ValueError, match="linear >= 1"):
        type(schedule)(1e-3, 10, 0)


@pytest.mark.once
def test_the_old_name_of_population_transport_warns_and_gives_the_same(images, tmp_path):
    import json

    import refinezoo
    from refinezoo.refiners import PopulationTransport

    with pytest.warns(FutureWarning, match=r"is called PopulationTransport\(\) now"):
        old = Reinhard(colour="transport", photos=3)
    assert type(old) is PopulationTransport
    model = PopulationTransport().adapt(images[:1], renders=images)
    folder = model.save_to_preset(tmp_path / "preset")
    path = folder / "config.json"
    written = {"format": 1, "class": "Reinhard", "config": {"photos": 3, "colour": "transport"}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **written}))
    with pytest.warns(FutureWarning, match="the old name goes with the next version"):
        loaded = refinezoo.load(folder)
    difference = loaded.refine(images).astype(int) - model.refine(images)
    assert np.abs(difference).max() <= 1
    assert Reinhard(photos=3, colour="match").arguments["photos"] == 3
    with pytest.raises(RefinezooError, match="received colour='transprot'"):
        Reinhard(colour="transprot")
