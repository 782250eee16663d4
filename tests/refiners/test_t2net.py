"""T2Net: its three routes, its discriminators' rhythm, its presets; on toy networks but for one."""

import keras
import numpy as np
import pytest
from keras import layers

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.losses.depth import smoothness_loss
from refinezoo.refiners import T2Net, t2net_depth
from refinezoo.refiners import t2net as method
from refinezoo.tasks.depth.depth_unet import DepthUNet

SIZE = 96
EAGER = keras.backend.backend() == "tensorflow"  # tracing costs it more than a step


def toy_translator(**settings):
    images = keras.Input((None, None, 3))
    refined = layers.Dense(3, activation="tanh", kernel_initializer="identity")(images)
    return keras.Model(images, refined, name="translator")


def toy_judge(channels):
    def build(**settings):
        x = keras.Input((None, None, channels))
        return keras.Model(x, layers.Conv2D(1, 1)(x))

    return build


@pytest.fixture
def toy(monkeypatch, toy_depth_unet):
    """Makes a `T2Net(...)` of one-layer networks."""
    monkeypatch.setattr(method, "t2net_translator", toy_translator)
    monkeypatch.setattr(t2net_depth, "depth_unet", toy_depth_unet)
    monkeypatch.setattr(method, "t2net_image_discriminator", toy_judge(3))
    monkeypatch.setattr(method, "t2net_feature_discriminator", toy_judge(4))

    def make(**settings):
        keras.utils.set_random_seed(0)
        return T2Net(**{"image_size": (SIZE, SIZE), "pool_size": 0, **settings})

    return make


def batch(seed=0, count=2, unit=1.0):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (2, count, SIZE, SIZE, 3), "uint8")
    depth = rng.uniform(1, 5, (count, SIZE, SIZE, 1)).astype("float32") * np.float32(unit)
    return {"synthetic": {"image": image[0], "depth_m": depth}, "real": {"image": image[1]}}


def values(network):
    return [np.asarray(v) for v in network.trainable_variables]


def moved(before, network):
    return any(np.abs(a - b).max() > 0 for a, b in zip(before, values(network), strict=True))


ROUTES = {
    "gan_image": {"translator"},
    "reconstruction": {"translator"},
    "task": {"translator", "depth_network"},
    "gan_feature": {"translator", "depth_network"},
    "smoothness": {"depth_network"},
}


@pytest.mark.parametrize(
    "term",
    [pytest.param(term, marks=[pytest.mark.once] * (term != "gan_feature")) for term in ROUTES],
)
def test_each_loss_reaches_the_networks_of_its_route(toy, term):
    model = toy()
    model.loss_weights = {name: float(name == term) for name in model.loss_weights}
    model.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=EAGER)
    names = ("translator", "depth_network", "discriminator_image", "discriminator_feature")
    before = {name: values(getattr(model, name)) for name in names}
    model.train_on_batch(batch())
    assert {name for name in names if moved(before[name], getattr(model, name))} == ROUTES[term]


def test_discriminators_move_at_each_fifth_step_and_stay_clipped(toy):
    model = toy(feature_discriminator="clipped", pool_size=6)
    model.compile()
    judges = (model.discriminator_image, model.discriminator_feature)
    steps = []
    for step in range(10):
        before = [values(judge) for judge in judges]
        model.train_on_batch(batch(step))
        steps.append([moved(b, judge) for b, judge in zip(before, judges, strict=True)])
        # The history takes images at each step.
        assert int(np.asarray(model.pool.stored)) == min(6, 2 * (step + 1))
    assert steps == [[step % 5 == 4] * 2 for step in range(10)]
    limits = [max(np.abs(v).max() for v in values(judge)) for judge in judges]
    assert limits[1] <= 0.01 + 1e-9 and limits[0] > 0.01


@pytest.mark.once
def test_every_loss_is_what_the_paper_says(toy):
    model = toy(smoothness_order="fine_first")
    model.compile()
    data = batch()
    data["synthetic"]["depth_m"][:, :8, :8] = 0.0
    logs = model.test_on_batch(data, return_dict=True)
    synthetic, real = (half["image"].astype("float32") / 127.5 - 1 for half in data.values())

    def run(network, x):
        return keras.tree.map_structure(np.asarray, network(x))

    refined, rebuilt = (run(model.translator, x) for x in (synthetic, real))
    features, *maps = run(model.depth_network, refined)
    real_features, *real_maps = run(model.depth_network, real)
    judge, judge_feature = (
        lambda x, n=n: run(n, x) for n in (model.discriminator_image, model.discriminator_feature)
    )
    target = data["synthetic"]["depth_m"] / 4 - 1
    known = data["synthetic"]["depth_m"] > 0

    def centre(maps, k):  # the middle four of k x k pixels
        i = slice(k // 2 - 1, None, k), slice(k // 2, None, k)
        return sum(maps[:, a, b] for a in i for b in i) / 4

    task = np.abs(maps[3] - target)[known].mean()
    for k, output in ((8, maps[0]), (4, maps[1]), (2, maps[2])):
        inside = centre(known.astype(float), k) > 0
        task += np.abs(output - centre(target, k))[inside].mean()

    def lsgan(true, fake):
        return 0.5 * (np.mean((true - 1) ** 2) + np.mean(fake**2))

    expected = {
        "gan_image": np.mean((judge(refined) - 1) ** 2),
        "reconstruction": np.abs(rebuilt - real).mean(),
        "task": task,
        "gan_feature": np.mean((judge_feature(features) - 1) ** 2),
        "smoothness": float(smoothness_loss(real_maps, real, "fine_first")),
        "discriminator_image": lsgan(judge(real), judge(refined)),
        "discriminator_feature": lsgan(judge_feature(real_features), judge_feature(features)),
    }
    assert {name: logs[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert set(logs) - {"loss"} == set(expected)


@pytest.mark.once
def test_evaluate_moves_nothing(toy):
    model = toy(pool_size=4)
    model.compile()
    before = [np.asarray(v) for v in model.variables]
    model.evaluate(batch(), batch_size=2, verbose=0)
    metrics = {id(v) for v in model.metrics_variables}
    for a, v in zip(before, model.variables, strict=True):
        if id(v) not in metrics:
            np.testing.assert_array_equal(a, np.asarray(v))


@pytest.mark.once
def test_a_preset_holds_translator_and_depth(toy, tmp_path, rng):
    model = toy(max_depth=5.0)
    model.translator.layers[1].bias.assign([0.1, -0.2, 0.3])
    model.save_to_preset(tmp_path / "preset")
    revived = refinezoo.load(str(tmp_path / "preset"))
    assert type(revived) is T2Net and revived.image_size == (SIZE, SIZE)
    images = rng.integers(0, 256, (1, SIZE, SIZE, 3), "uint8")
    assert np.abs(revived.refine(images).astype(int) - model.refine(images)).max() <= 1
    depth = model.predict_depth(images)
    np.testing.assert_allclose(revived.predict_depth(images), depth, atol=0.02)
    assert depth.shape == (1, SIZE, SIZE, 1) and 0 <= depth.min() < depth.max() <= 5.0
    np.testing.assert_array_equal(model.predict_depth(images[0]), depth[0])
    with pytest.raises(RefinezooError, match="expected uint8 RGB images"):
        model.predict_depth(images / 255.0)


@pytest.mark.once
def test_configurations_of_history(toy):
    indoor, outdoor = toy().indoor(), T2Net.outdoor(image_size=(96, 128))
    weights = ("gan_image", "reconstruction", "task", "gan_feature", "smoothness")
    assert [indoor.loss_weights[name] for name in weights] == [1, 40, 20, 0.1, 0.1]
    assert [outdoor.loss_weights[name] for name in weights] == [1, 100, 100, 1, 0.1]
    assert (indoor.max_depth, outdoor.max_depth) == (8, 80)
    assert (indoor.every, outdoor.every) == (5, 1)
    assert (indoor.stride, outdoor.stride) == (4, 2)
    assert (indoor.image_size, outdoor.image_size) == ((192, 256), (96, 128))
    twin = T2Net.from_config(outdoor.get_config())
    assert twin.arguments == outdoor.arguments


@pytest.mark.once
def test_rates_fall_alike_for_all_players(toy):
    model = toy(decay_steps=(60, 40))
    rates = {}
    for name, optimizer in model.default_optimizers().items():
        moves = 80 // (5 if name.startswith("discriminator") else 1)  # after 80 steps
        rates[name] = float(optimizer._learning_rate(moves))
    half = {"translator": 2.5e-5, "depth": 5e-5}
    half |= {"discriminator_image": 2.5e-5, "discriminator_feature": 2.5e-5}
    assert rates == pytest.approx(half, rel=1e-4)


@pytest.mark.once
def test_bad_batches_are_named(toy):
    model = toy()
    model.compile()
    missing = batch()
    del missing["synthetic"]["depth_m"]
    with pytest.raises(RefinezooError, match="'depth_m' in the synthetic half"):
        model.train_on_batch(missing)
    with pytest.raises(RefinezooError, match="in millimetres|if these are millimetres"):
        model.fit(batch(unit=1000.0), batch_size=2, verbose=0)
    with pytest.raises(RefinezooError, match="in millimetres|if these are millimetres"):
        model.train_on_batch(batch(unit=1000.0))
    flat = batch()
    flat["synthetic"]["depth_m"] = flat["synthetic"]["depth_m"][..., 0]
    with pytest.raises(RefinezooError, match=r"depth_m\[\.\.\., None\]"):
        model.train_on_batch(flat)
    small = batch()
    small["real"]["image"] = small["real"]["image"][:, :64]
    with pytest.raises(RefinezooError, match=r"real images \[B, 96, 96, 3\]"):
        model.train_on_batch(small)
    for wrong, words in (
        ({"image_size": (100, 128)}, "multiples of 16"),
        ({"image_size": (64, 96)}, "at least 96"),
        ({"feature_discriminator": "spectral"}, "'free' or 'clipped'"),
        ({"smoothness_order": "x"}, "'coarse_first' or 'fine_first'"),
        ({"max_depth": 0}, "max_depth as a number greater than 0"),
    ):
        with pytest.raises(RefinezooError, match=words):
            toy(**wrong)


@pytest.mark.once  # which compiles for a minute on JAX; the toys' steps run there
def test_the_real_networks_train_and_say_depth():
    """Two steps of the full game on the real networks; then depth, refinement and the U-Net."""
    keras.utils.set_random_seed(0)
    model = T2Net(
        image_size=(SIZE, SIZE),
        width=2,
        blocks=1,
        feature_discriminator="clipped",
        discriminators_every=2,
        pool_size=2,
    )
    model.compile(run_eagerly=EAGER)
    players = {name: player.variables for name, player in model.players().items()}
    before = {name: [np.asarray(v) for v in variables] for name, variables in players.items()}
    history = model.fit(batch(count=4), batch_size=2, epochs=1, verbose=0).history
    assert set(history) == set(model.loss_weights)
    assert all(np.isfinite(value) and value > 0 for values in history.values() for value in values)
    for name, variables in players.items():
        kernels = [(a, v) for a, v in zip(before[name], variables, strict=True) if v.ndim == 4]
        assert all(np.abs(a - np.asarray(v)).max() > 0 for a, v in kernels), name
    images = batch()["real"]["image"]
    depth = model.predict_depth(images[:, :50, :33])
    assert depth.shape == (2, 50, 33, 1) and np.all((depth >= 0) & (depth <= 8))
    refined = model.refine(images[:, :33, :50])
    assert refined.shape == (2, 33, 50, 3) and refined.dtype == np.uint8
    alone = model.depth_model()
    assert isinstance(alone, DepthUNet) and alone.max_depth == model.max_depth
    pairs = zip(alone.depth_network.get_weights(), model.depth_network.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.once
def test_an_affine_generator_starts_as_the_identity_and_is_trained(toy):
    model = toy(generator="affine", width=4, blocks=1)
    images = batch()["synthetic"]["image"]
    assert model.stride == 8
    np.testing.assert_allclose(model.refine(images), images, atol=1)
    model.compile()
    before = values(model.translator)
    logs = model.train_on_batch(batch(), return_dict=True)
    assert moved(before, model.translator) and np.isfinite(list(logs.values())).all()
    again = T2Net.from_config(model.get_config())
    assert again.arguments["generator"] == "affine" and again.stride == 8


@pytest.mark.once
def test_a_projected_judge_takes_the_place_of_d(toy, toy_backbone):
    model = toy(
        discriminator="projected",
        judge={"width": 8, "taps": 1, "balance": None},
        backbone=toy_backbone(),
        discriminators_every=2,
        pool_size=2,
        decay_steps=(4, 4),
    )
    model.compile()
    assert model.discriminator_image is None
    assert set(model.players()) == {"translator", "depth", "judge", "discriminator_feature"}
    steps = []
    for seed in range(2):
        before = values(model.judge)
        logs = model.train_on_batch(batch(seed), return_dict=True)
        steps.append(moved(before, model.judge))
    assert steps == [False, True]  # with D_f, at each second step
    assert {"projected", "discriminator_projected"} < set(logs)
    assert not {"gan_image", "discriminator_image"} & set(logs)
    assert all(np.isfinite(value) for value in logs.values())
