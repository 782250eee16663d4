"""The alternating trainer: routing, resume, round trips."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refiners import CycleGAN, CycleGANForegroundBackground
from refinezoo.training import AlternatingModel, Objective, Player, StopOnNaN, Turn
from refinezoo.training.players import shares

SIZE = 32
# Tracing costs TensorFlow more than a few steps of these networks; JAX is slow without it.
EAGER = keras.backend.backend() == "tensorflow"


def batch(seed=0, count=2, size=SIZE):
    """One training batch of noise images with half-plane masks."""
    rng = np.random.default_rng(seed)

    def half():
        mask = np.zeros((count, size, size, 1), "float32")
        mask[:, : size // 2] = 1.0
        image = rng.integers(0, 256, (count, size, size, 3), "uint8")
        return {"image": image, "foreground_mask": mask}

    return {"synthetic": half(), "real": half()}


class Batches(keras.utils.PyDataset):
    """Four fixed batches in a fixed order."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return (batch(index),)


def tiny(cls=CycleGANForegroundBackground, **settings):
    keras.utils.set_random_seed(0)
    settings = {"image_size": SIZE, "width": 4, "blocks": 1, "pool_size": 3, **settings}
    return cls(**settings)


@pytest.fixture
def shallow(shallow_cyclegans):
    """CycleGANs of networks with two layers: what is tested is how they are trained."""
    with shallow_cyclegans():
        yield


def weights(model):
    return [np.asarray(v) for v in model.variables]


def assert_same(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_fit_moves_every_network_and_logs_every_loss(shallow):
    model = tiny()
    model.compile(steps_per_execution=2)
    before = [np.asarray(v) for v in model.trainable_variables]
    history = model.fit(Batches(), epochs=1, verbose=0).history
    assert set(history) == set(model.loss_weights)
    kernels = [
        (a, v) for a, v in zip(before, model.trainable_variables, strict=True) if v.ndim == 4
    ]
    assert all(np.abs(a - np.asarray(v)).max() > 0 for a, v in kernels)
    # Several steps without a word to Python in between are those that it asks for one by one.
    single = tiny()
    single.compile(run_eagerly=EAGER)
    alone = single.fit(Batches(), epochs=1, verbose=0).history
    for name, losses in alone.items():
        assert history[name] == pytest.approx(losses, rel=1e-4), name


def test_no_player_moves_anothers_weights(shallow):
    model = tiny(CycleGAN)
    names = ("generators", "discriminators")
    model.compile({name: keras.optimizers.SGD(0.1) for name in names}, run_eagerly=EAGER)
    for still, moving in (names, names[::-1]):
        for name, rate in ((still, 0.0), (moving, 0.1)):
            model.optimizer.players[name].learning_rate = rate
        frozen = [np.asarray(v) for v in model.players()[still].variables]
        before = [np.asarray(v) for v in model.players()[moving].variables]
        model.train_on_batch(batch())
        assert_same(frozen, [np.asarray(v) for v in model.players()[still].variables])
        after = [np.asarray(v) for v in model.players()[moving].variables]
        assert any(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))


def test_keras_file_continues_exactly(shallow, tmp_path):
    model = tiny(ema_decay=0.9, colour="match", colour_photos=2, lambda_content=1.0)
    model.compile(run_eagerly=EAGER)
    for seed in range(5):  # past the filling of the pool
        model.train_on_batch(batch(seed))
    model.save(tmp_path / "model.keras")
    revived = keras.saving.load_model(tmp_path / "model.keras")
    assert type(revived) is CycleGANForegroundBackground
    assert int(revived.optimizer.iterations) == 5
    assert_same(weights(model), weights(revived))
    assert_same(*[[np.asarray(v) for v in m.optimizer.variables] for m in (model, revived)])
    for m in (model, revived):
        m.reset_metrics()
    first, second = (m.train_on_batch(batch(9), return_dict=True) for m in (model, revived))
    assert first == pytest.approx(second, abs=1e-6)


@pytest.mark.once
def test_resumed_training_ends_where_uninterrupted_training_does(shallow, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def fit(model, *callbacks, start=0):
        decay = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate)
        model.fit(
            Batches(),
            epochs=3,
            initial_epoch=start,
            verbose=0,
            shuffle=False,
            callbacks=[*callbacks, decay],
        )

    whole, resumed = tiny(ema_decay=0.9), tiny(ema_decay=0.9)
    for variable in resumed.trainable_variables:
        variable.assign(variable + 0.1)  # whatever it starts from, the backup is what counts
    backup = str(tmp_path / "backup")
    whole.compile()
    with pytest.raises(KeyboardInterrupt):
        fit(whole, keras.callbacks.BackupAndRestore(backup), Stop())
    resumed.compile()
    fit(resumed, keras.callbacks.BackupAndRestore(backup))
    fit(whole, start=2)
    assert int(whole.optimizer.iterations) == int(resumed.optimizer.iterations) == 12
    metrics = {id(v) for m in (whole, resumed) for v in m.metrics_variables}
    for a, b in zip(whole.variables, resumed.variables, strict=True):
        if id(a) not in metrics:
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=a.path)
    for a, b in zip(whole.optimizer.variables, resumed.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=a.path)


def test_bfloat16_trains_as_float32_and_float16_is_refused(shallow):
    before = keras.config.dtype_policy()
    whole = tiny(CycleGAN)
    whole.compile(run_eagerly=EAGER)
    wanted = [whole.train_on_batch(batch(seed), return_dict=True) for seed in range(2)]
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = tiny(CycleGAN)
        model.compile(run_eagerly=EAGER)
        assert model.generator_s2r.compute_dtype == "bfloat16"
        for seed, logs in enumerate(wanted):
            half = model.train_on_batch(batch(seed), return_dict=True)
            assert half == pytest.approx(logs, rel=2e-2)  # of 8 bits each
        keras.config.set_dtype_policy("mixed_float16")
        with pytest.raises(RefinezooError, match="mixed_bfloat16"):
            tiny(CycleGAN).compile()
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.once
def test_missing_keys_sizes_and_players_are_named(shallow):
    model = tiny()
    model.compile()
    incomplete = batch()
    del incomplete["real"]["foreground_mask"]
    with pytest.raises(RefinezooError, match="'foreground_mask' in the real half"):
        model.train_on_batch(incomplete)
    with pytest.raises(RefinezooError, match=r"\[B, 32, 32, 3\]"):
        model.train_on_batch(batch(size=48))
    with pytest.raises(RefinezooError, match="one optimizer for each player"):
        model.compile(optimizer={"generators": "adam"})


@pytest.mark.once
def test_nan_stops_with_step_and_loss(shallow):
    class Poison(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            data = batch(index)
            data["real"]["image"] = data["real"]["image"].astype("float32") / 127.5 - 1.0
            if index == 2:
                data["real"]["image"][0, 0, 0, 0] = np.nan
            return (data,)

    model = tiny(CycleGAN)
    model.compile(run_eagerly=EAGER)
    with pytest.raises(RefinezooError, match="at step 3.*backup"):
        model.fit(Poison(), verbose=0, shuffle=False, callbacks=[StopOnNaN("runs/x/backup")])


class ThreeRoutes(AlternatingModel):
    """Two players with overlapping objectives and a rare third: the shape of T2Net's step."""

    required_keys = {"synthetic": ("image",)}

    def __init__(self, every=1, repeat=1, clip=None, limit=None):
        super().__init__()

        def scale(name):
            layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name=name)
            layer.build((None, 1))
            return layer

        self.g, self.t, self.d = scale("g"), scale("t"), scale("d")
        self.every, self.repeat, self.clip, self.limit = every, repeat, clip, limit
        self.track_losses({"g_only": 1.0, "both": 1.0, "t_only": 1.0, "d": 1.0})
        self.built = True

    def call(self, x):
        return x

    def players(self):
        return {
            "translator": Player((self.g,), clip_norm=self.clip),
            "task": Player((self.t,)),
            "judge": Player((self.d,), clip_weights=self.limit),
        }

    def default_optimizers(self):
        return {name: keras.optimizers.SGD(0.1) for name in self.players()}

    def turns(self):
        g, t, d = (layer.kernel for layer in (self.g, self.t, self.d))

        def loss(name, value):
            return lambda batch, outputs: ({name: keras.ops.sum(value())}, {})

        return [
            Turn(
                (
                    Objective(loss("g_only", lambda: 2.0 * g), (self.g,)),
                    Objective(loss("both", lambda: 3.0 * g + 5.0 * t), (self.g, self.t)),
                    Objective(loss("t_only", lambda: 7.0 * t + 100.0 * g), (self.t,)),
                ),
                repeat=self.repeat,
            ),
            Turn((Objective(loss("d", lambda: d), (self.d,)),), every=self.every),
        ]


def kernels(model):
    return [float(np.asarray(layer.kernel)[0, 0]) for layer in (model.g, model.t, model.d)]


def four_images():
    return {"synthetic": {"image": np.zeros((4, 2, 2, 3), "float32")}}


def test_objectives_reach_exactly_the_networks_they_name():
    model = ThreeRoutes()
    model.compile()
    model.train_on_batch(four_images())
    assert kernels(model) == pytest.approx([1 - 0.1 * 5, 1 - 0.1 * 12, 1 - 0.1])


def test_a_rare_turn_is_taken_every_fifth_step():
    model = ThreeRoutes(every=5)
    model.compile()
    judge = []
    for _ in range(10):
        model.train_on_batch(four_images())
        judge.append(kernels(model)[2])
    assert judge == pytest.approx([1.0] * 4 + [0.9] * 5 + [0.8])


@pytest.mark.once
def test_turns_compile_with_xla():
    model = ThreeRoutes(every=2)
    model.compile(jit_compile=True)
    for _ in range(2):
        model.train_on_batch(four_images())
    assert kernels(model) == pytest.approx([0.0, -1.4, 0.9], abs=1e-6)


def test_repeated_moves_and_clipping():
    model = ThreeRoutes(repeat=2, clip=1.0, limit=0.05)
    model.compile()
    model.train_on_batch(four_images())
    assert kernels(model) == pytest.approx([1 - 2 * 0.1, 1 - 2 * 0.1 * 12, 0.05])
    with pytest.raises(RefinezooError, match="divisible by 3"):
        shares(four_images(), 3)


def test_evaluate_moves_nothing(shallow):
    model = tiny()
    model.compile()
    before = weights(model)
    logs = model.evaluate(Batches(), return_dict=True, verbose=0)
    assert set(model.loss_weights) <= set(logs)
    trained = [a for a, v in zip(before, model.variables, strict=True) if v.ndim > 1]
    assert_same(trained, [np.asarray(v) for v in model.variables if v.ndim > 1])
