"""SimGAN: what its paper fixes, its losses, and the schedule of its turns."""

import keras
import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.layers import ImagePool
from refinezoo.losses.simgan import REAL, REFINED, local_adversarial_loss, self_regularisation_loss
from refinezoo.networks.simgan import simgan_discriminator, simgan_refiner
from refinezoo.refiners import SimGAN

TINY = {
    "image_size": 16,
    "width": 4,
    "blocks": 1,
    "discriminator_width": 24,
    "pool_size": 8,
    "pretrain_refiner": 0,
    "pretrain_discriminator": 0,
}


# Tracing costs TensorFlow more than these steps; JAX is slow without it.
EAGER = keras.backend.backend() == "tensorflow"


def tiny(run_eagerly=EAGER, **settings):
    keras.utils.set_random_seed(0)
    model = SimGAN(**{**TINY, **settings})
    model.compile(run_eagerly=run_eagerly)
    return model


def batch(seed=0, count=4, channels=3):
    rng = np.random.default_rng(seed)
    return {
        half: {"image": rng.integers(0, 256, (count, 16, 16, channels), "uint8")}
        for half in ("synthetic", "real")
    }


def weights(model):
    return {
        name: np.concatenate([np.asarray(v).ravel() for v in network.trainable_variables])
        for name, network in (("R", model.refiner), ("D", model.discriminator))
    }


def moved(model, seed=0):
    """Which of R and D move in one step."""
    before = weights(model)
    model.train_on_batch(batch(seed))
    after = weights(model)
    return {name for name in before if (before[name] != after[name]).any()}


@pytest.mark.once
def test_networks_have_the_parameters_and_maps_of_the_gaze_experiment():
    refiner, discriminator = simgan_refiner(), simgan_discriminator()
    assert refiner.count_params() == 296_129
    assert discriminator.count_params() == 75_906
    assert tuple(refiner.compute_output_shape((2, 35, 55, 1))) == (2, 35, 55, 1)
    assert tuple(discriminator.compute_output_shape((2, 35, 55, 1))) == (2, 9, 14, 2)
    kernels = [tuple(v.shape) for v in discriminator.trainable_variables if len(v.shape) == 4]
    assert kernels == [(3, 3, 1, 96), (3, 3, 96, 64), (3, 3, 64, 32), (1, 1, 32, 32), (1, 1, 32, 2)]


def test_local_adversarial_loss_is_the_mean_over_patches(rng):
    logits = rng.normal(size=(2, 3, 4, 2)).astype("float32")
    probability = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for verdict in (REAL, REFINED):
        expected = -np.log(probability[..., verdict]).mean()
        assert float(local_adversarial_loss(logits, verdict)) == pytest.approx(expected, rel=1e-5)
    # - log D(R(x)) and - log (1 - D(R(x))) with D the probability of "refined".
    assert np.allclose(probability[..., REAL], 1 - probability[..., REFINED])


def test_self_regularisation_of_each_psi(rng):
    refined, images = rng.uniform(-1, 1, (2, 2, 5, 5, 3)).astype("float32")
    expected = np.abs(refined - images).mean()
    assert float(self_regularisation_loss(refined, images)) == pytest.approx(expected, rel=1e-5)
    expected = np.abs(refined.mean(-1) - images.mean(-1)).mean()
    found = float(self_regularisation_loss(refined, images, "channel_mean"))
    assert found == pytest.approx(expected, rel=1e-5)
    tinted = images + np.array([0.2, -0.1, -0.1], "float32")
    assert float(self_regularisation_loss(tinted, images, "channel_mean")) < 1e-6
    found = float(self_regularisation_loss(refined, images, "feature", lambda x: 2.0 * x))
    assert found == pytest.approx(2 * np.abs(refined - images).mean(), rel=1e-5)
    with pytest.raises(ValueError, match="identity, channel_mean, feature"):
        self_regularisation_loss(refined, images, "edges")


def test_half_of_each_full_batch_comes_from_the_history():
    pool = ImagePool(6, seed=0, half_batches=True)
    pool.build((None, 2, 2, 1))
    seen = set()
    for step in range(12):
        images = np.stack([np.full((2, 2, 1), 10.0 * step + i, "float32") for i in range(4)])
        out = np.asarray(pool(images))[:, 0, 0, 0]
        new = images[:, 0, 0, 0]
        if step < 2:  # six places fill in the second batch
            np.testing.assert_array_equal(out, new)
        else:
            np.testing.assert_array_equal(out[2:], new[2:])
            assert set(out[:2]) <= seen and not set(out[:2]) & set(new)
        seen |= set(new)
    assert pool.get_config()["half_batches"] is True


@pytest.mark.once
def test_the_losses_of_a_step_are_those_of_the_networks():
    model = tiny(pool_size=0, refiner_moves=1)
    data = batch()
    found = model.test_on_batch(data, return_dict=True)
    x, y = (data[half]["image"] / 127.5 - 1.0 for half in ("synthetic", "real"))
    x, y = x.astype("float32"), y.astype("float32")
    refined = np.asarray(model.refiner(x))
    judged = model.discriminator(refined)
    expected = {
        "l_real": float(local_adversarial_loss(judged, REAL)),
        "self_regularisation": np.abs(refined - x).mean(),
        "discriminator": float(local_adversarial_loss(judged, REFINED))
        + float(local_adversarial_loss(model.discriminator(y), REAL)),
    }
    assert {name: float(found[name]) for name in expected} == pytest.approx(expected, rel=1e-4)
    assert set(found) == {*expected}


def test_refiner_then_discriminator_are_pretrained_alone_then_both_play():
    model = tiny(pretrain_refiner=2, pretrain_discriminator=1)
    assert [moved(model, seed) for seed in range(4)] == [{"R"}, {"R"}, {"D"}, {"R", "D"}]


@pytest.mark.parametrize(
    ("refiner_moves", "discriminator_moves"), [(2, 1), pytest.param(1, 2, marks=pytest.mark.once)]
)
def test_moves_per_step_follow_k_g_and_k_d(refiner_moves, discriminator_moves):
    model = tiny(refiner_moves=refiner_moves, discriminator_moves=discriminator_moves)
    model.train_on_batch(batch())
    model.train_on_batch(batch(1))
    counts = {name: int(o.iterations) for name, o in model.optimizer.players.items()}
    assert counts == {"refiner": 2 * refiner_moves, "discriminator": 2 * discriminator_moves}


@pytest.mark.once
def test_fit_logs_every_loss_and_fills_the_history():
    model = tiny(run_eagerly=False, pool_size=6, pretrain_refiner=1, pretrain_discriminator=1)
    data = batch(count=12)
    history = model.fit(_Batches(data), epochs=1, verbose=0).history
    assert set(history) == {"l_real", "self_regularisation", "discriminator"}
    assert int(model.history_pool.stored) == 6
    assert np.isfinite([values[0] for values in history.values()]).all()


class _Batches(keras.utils.PyDataset):
    def __init__(self, data):
        super().__init__()
        self.data = data

    def __len__(self):
        return 3

    def __getitem__(self, index):
        half = slice(4 * index, 4 * index + 4)
        return {name: {"image": part["image"][half]} for name, part in self.data.items()}


@pytest.mark.once
def test_grey_refines_grey_and_returns_rgb():
    model = tiny(channels=1)
    model.train_on_batch(batch())
    images = model.check_batch((batch(1, channels=1),))["synthetic"]["image"]
    assert tuple(images.shape) == (4, 16, 16, 1)
    images = batch()["synthetic"]["image"]
    refined = model.refine(images)
    assert refined.shape == images.shape
    assert (refined == refined[..., :1]).all()
    assert model.refiner.input_shape[-1] == 1


@pytest.mark.once
def test_self_regularisation_alone_teaches_the_refiner_to_copy():
    model = tiny(width=8, pretrain_refiner=10_000, learning_rate=0.01, refiner_moves=1)
    image = np.linspace(0, 255, 16, dtype="uint8")[None, :, None, None]
    image = np.broadcast_to(image, (4, 16, 16, 3)).copy()
    data = {"synthetic": {"image": image}, "real": {"image": image}}
    model.train_on_batch(data)
    first = np.abs(model.refine(image).astype(int) - image).mean()
    for _ in range(40):
        model.train_on_batch(data)
    assert np.abs(model.refine(image).astype(int) - image).mean() < first / 2


@pytest.mark.once
def test_preset_and_config_round_trip(tmp_path):
    model = tiny(channels=1, psi="channel_mean")
    images = batch()["synthetic"]["image"]
    model.save_to_preset(tmp_path / "preset")
    revived = refinezoo.load(tmp_path / "preset")
    assert type(revived) is SimGAN and revived.arguments == model.arguments
    difference = np.abs(revived.refine(images).astype(int) - model.refine(images))
    assert difference.max() <= 2


@pytest.mark.once
def test_mistakes_are_named():
    with pytest.raises(RefinezooError, match="expected features .*SimGAN\\(psi="):
        tiny(psi="feature")
    with pytest.raises(ValueError, match="psi as one of 'identity'"):
        SimGAN(psi="edges")
    model = tiny()
    with pytest.raises(RefinezooError, match=r"\[B, 16, 16, 3\], received \[4, 16, 16, 1\]"):
        model.train_on_batch(batch(channels=1))
    with pytest.raises(RefinezooError, match="divisible by 2"):
        model.train_on_batch(batch(count=3))
    assert tiny(psi="feature", features=keras.layers.AveragePooling2D(2)).features is not None
