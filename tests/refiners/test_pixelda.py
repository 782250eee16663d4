"""PixelDA: who moves on what, what is logged, what is refused."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refiners import PixelDA

SIZE = 8
# Tracing costs TensorFlow more than a step or two; JAX is slow without it.
EAGER = keras.backend.backend() == "tensorflow"
TINY = {
    "class_names": ["a", "b", "c"],
    "image_size": SIZE,
    "width": 4,
    "blocks": 1,
    "tower_width_multiplier": 0.1,
    "seed": 3,
}
POSE = {
    **TINY,
    "tower": "doubling",
    "quaternion": True,
    "use_depth": True,
    "lambda_similarity": 1.0,
}


def tiny(cls=PixelDA, **settings):
    keras.utils.set_random_seed(0)
    return cls(**{**TINY, **settings})


def batch(count=4, seed=0):
    """Textured objects on black with everything that PixelDA can use."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((count, SIZE, SIZE, 1), "float32")
    mask[:, 2:7, 2:7] = 1.0
    image = rng.integers(20, 256, (2, count, SIZE, SIZE, 3), "uint8")
    q = rng.normal(size=(count, 4)).astype("float32")
    return {
        "synthetic": {
            "image": image[0] * mask.astype("uint8"),
            "label": rng.integers(0, 3, count),
            "quaternion": q / np.linalg.norm(q, axis=1, keepdims=True),
            "foreground_mask": mask,
            "depth_m": mask * 0.8,
        },
        "real": {"image": image[1], "depth_m": mask * 0.0 + 0.9},
    }


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return batch(seed=index)


def weights(*networks):
    return [np.asarray(v) for network in networks for v in network.trainable_variables]


def moved(before, after):
    return [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]


class OneTurn(PixelDA):
    """Takes only the turn with this index."""

    index = 0

    def turns(self):
        return [super().turns()[self.index]]

    def draw_noise(self, images):
        self.drawn.append(np.asarray(super().draw_noise(images)))
        return keras.ops.convert_to_tensor(self.drawn[-1])


@pytest.mark.tensorflow  # eager on JAX takes half a minute; the trainer's own tests run there
def test_each_turn_moves_its_players_alone():
    model = tiny(OneTurn)
    object.__setattr__(model, "drawn", [])
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)

    def play(index):
        model.index = index
        parts = [
            weights(model.discriminator),
            weights(*model.tower.networks),
            weights(model.generator),
        ]
        model.train_on_batch(batch())
        now = [
            weights(model.discriminator),
            weights(*model.tower.networks),
            weights(model.generator),
        ]
        return [moved(a, b) for a, b in zip(parts, now, strict=True)]

    judge, task, generator = play(0)
    assert all(judge) and all(task) and not any(generator)
    judge, task, generator = play(1)
    assert not any(judge) and not any(task) and all(generator)
    first, second = model.drawn
    assert first.shape == (4, 10) and np.abs(first).max() <= 1.0
    assert np.abs(first - second).min() > 0.0  # fresh noise


@pytest.mark.once
def test_defaults_are_those_of_the_official_code():
    model = tiny()
    assert {name: player.clip_norm for name, player in model.players().items()} == {
        "discriminator": 5.0,
        "task": 5.0,
        "generator": 5.0,
    }
    for optimizer in model.default_optimizers().values():
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.5, 0.999, 1e-8)
        rates = [float(optimizer._learning_rate(step)) for step in (0, 9_999, 10_000, 249_999)]
        # 20,000 moves are 10,000 steps of each player; 0.277e-3 at the end of the MNIST-M run
        assert rates == pytest.approx([1e-3, 1e-3, 0.95e-3, 1e-3 * 0.95**24])
    assert model.loss_weights == {
        "domain": 0.135603587834,
        "class_synthetic": 1.0,
        "class_refined": 1.0,
        "style_transfer": 0.0113173311334,
        "task_in_g": 0.0100959947002,
    }
    assert model.required_keys == {"synthetic": ("image", "label"), "real": ("image",)}
    trains = [objective.trains for turn in model.turns() for objective in turn.objectives]
    assert trains == [(model.discriminator, *model.tower.networks), (model.generator,)]


@pytest.fixture(scope="module")
def trained():
    """A model for RGB, depth, class and rotation after two steps, and its log."""
    keras.utils.set_random_seed(0)
    model = PixelDA(**POSE)
    model.compile()
    log = model.fit(Batches(), verbose=0, shuffle=False).history
    return model, log


def test_two_steps_log_every_loss_by_its_name(trained):
    _, log = trained
    assert set(log) == {
        "domain",
        "class_synthetic",
        "class_refined",
        "quaternion_synthetic",
        "quaternion_refined",
        "style_transfer",
        "task_in_g",
        "content_similarity",
    }
    values = {name: rows[0] for name, rows in log.items()}
    assert all(np.isfinite(value) for value in values.values())
    assert values["domain"] == pytest.approx(2 * np.log(2), abs=0.4)
    assert values["class_synthetic"] == pytest.approx(np.log(3), abs=0.1)


def test_a_checkpoint_holds_all_randomness(trained, tmp_path):
    model, _ = trained
    path = tmp_path / "x.weights.h5"
    model.save_weights(path)

    def step():
        model.fit(Batches(), verbose=0, shuffle=False)
        return weights(model)

    first = step()
    model.load_weights(path)
    for a, b in zip(first, step(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(moved(first, step()))


@pytest.mark.once
def test_losses_equal_the_networks_outputs(trained):
    model, _ = trained
    data = batch(seed=5)
    logs = model.evaluate(data, verbose=0, return_dict=True)
    x = np.concatenate(
        [
            data["synthetic"]["image"] / 127.5 - 1.0,
            np.where(data["synthetic"]["depth_m"] > 0, data["synthetic"]["depth_m"] - 1.0, 1.0),
        ],
        -1,
    ).astype("float32")
    answer = model.tower.shared(model.tower.private_synthetic(x))
    logits, q = np.asarray(answer["label"]), np.asarray(answer["quaternion"])
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -log_p[np.arange(4), data["synthetic"]["label"]].mean()
    assert logs["class_synthetic"] == pytest.approx(expected, rel=1e-3)
    agreement = np.abs(np.sum(q * data["synthetic"]["quaternion"], axis=1))
    assert logs["quaternion_synthetic"] == pytest.approx(
        np.mean(np.log(1e-4 + 1 - agreement)), rel=1e-2
    )
    assert logs["task_in_g"] == pytest.approx(
        logs["class_refined"] + 0.125 * logs["quaternion_refined"], rel=0.05
    )  # two draws of z


def test_refining_with_depth(trained):
    model, _ = trained
    data = batch(seed=2)["synthetic"]
    rgb, depth = model.refine_rgbd(data["image"], data["depth_m"])
    assert rgb.shape == data["image"].shape and rgb.dtype == np.uint8
    assert depth.shape == data["depth_m"].shape and 0.0 <= depth.min() <= depth.max() < 2.0
    again, _ = model.refine_rgbd(data["image"], data["depth_m"])
    np.testing.assert_array_equal(rgb, again)
    with pytest.raises(RefinezooError, match="Call refine_rgbd"):
        model.refine(data["image"])
    with pytest.raises(RefinezooError, match="depth_m None"):
        model.refine_rgbd(data["image"], None)
    with pytest.raises(RefinezooError, match="of one size"):
        model.refine_rgbd(data["image"], data["depth_m"][:, :4])
    found = model.predict_task(data["image"], data["depth_m"])
    assert found["label"].shape == (4,) and set(found["label"]) <= {0, 1, 2}
    np.testing.assert_allclose(np.linalg.norm(found["quaternion"], axis=1), 1.0, atol=1e-5)


@pytest.mark.once
def test_a_preset_holds_the_task_model_too(rng, tmp_path):
    import refinezoo

    model = tiny(private_layers=0)
    model.tower.shared.set_weights(
        [rng.normal(0, 0.3, w.shape).astype(w.dtype) for w in model.tower.shared.get_weights()]
    )
    images = batch(seed=1)["real"]["image"]
    model.save_to_preset(tmp_path / "preset")
    loaded = refinezoo.load(str(tmp_path / "preset"))
    assert loaded.get_config() | {"name": 0} == model.get_config() | {"name": 0}
    np.testing.assert_allclose(
        loaded.predict_task(images)["probability"],
        model.predict_task(images)["probability"],
        atol=0.02,
    )
    with pytest.raises(RefinezooError, match=r"the size that T was built for"):
        loaded.predict_labels(images[:, :4])


@pytest.mark.once
@pytest.mark.parametrize("generator", ["identity", "dcgan"])
def test_baselines_leave_out_what_they_cannot_have(generator):
    model = tiny(generator=generator, lambda_similarity=1.0, similarity="mse")
    model.compile(run_eagerly=EAGER)
    names = set(model.train_on_batch(batch(), return_dict=True))
    assert names == set(model.loss_weights)
    if generator == "identity":
        assert set(model.players()) == {"discriminator", "task"} and len(model.turns()) == 1
        assert names == {"domain", "class_synthetic", "class_refined"}
    else:  # it sees no render, so its images have no label
        assert names == {"domain", "class_synthetic", "style_transfer", "content_similarity"}


def broken(half, key, change):
    data = batch()
    data[half][key] = change(data[half][key])
    return data


@pytest.mark.once
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: broken("synthetic", "quaternion", lambda q: q * 2), "unit quaternions"),
        (lambda: broken("synthetic", "label", lambda y: y + 1), "from 0 to 2, received"),
        (lambda: broken("synthetic", "depth_m", lambda d: d * 1000), "millimetres"),
        (lambda: broken("synthetic", "foreground_mask", lambda m: 1 - m), "inverted"),
        (lambda: {**batch(), "real": batch(3)["real"]}, "as many real as synthetic"),
        (lambda: broken("real", "image", lambda x: x[:, :4]), r"real images \[B, 8, 8, 3\]"),
    ],
)
def test_impossible_values_are_refused_before_training(data, message):
    model = refusing(use_depth=True)
    with pytest.raises(RefinezooError, match=message):
        model.fit(iter([data()]), verbose=0)


MODELS = {}


def refusing(use_depth):
    """One compiled model for all refusals."""
    if use_depth not in MODELS:
        MODELS[use_depth] = PixelDA(**POSE | {"use_depth": use_depth})
        MODELS[use_depth].compile()
    return MODELS[use_depth]


@pytest.mark.once
def test_missing_keys_are_named():
    data = batch()
    del data["synthetic"]["depth_m"]
    with pytest.raises(RefinezooError, match="'depth_m' in the synthetic half"):
        refusing(use_depth=True).train_on_batch(data)
    data = batch()
    del data["synthetic"]["foreground_mask"]
    with pytest.raises(RefinezooError, match="'foreground_mask' in the synthetic half"):
        refusing(use_depth=False).train_on_batch(data)
    data = batch()
    data["synthetic"]["foreground_mask"] = 1.0 - data["synthetic"]["foreground_mask"]
    with pytest.raises(RefinezooError, match="inverted"):
        refusing(use_depth=False).train_on_batch(data)


@pytest.mark.once
def test_unknown_choices_are_named():
    for wrong in ({"tower": "mnits"}, {"generator": "resnt"}, {"similarity": "mpsee"}):
        with pytest.raises(RefinezooError, match="Did you mean"):
            tiny(**wrong)


@pytest.mark.once
def test_old_names_of_arguments_warn_and_mean_the_same():
    with pytest.warns(FutureWarning, match=r"PixelDA\(task_in_g_weight=\) is called lambda_task"):
        model = PixelDA.from_config({"task_in_g_weight": 0.5, "width": 4, "blocks": 1})
    assert model.loss_weights["task_in_g"] == model.arguments["lambda_task_in_g"] == 0.5
    with pytest.raises(RefinezooError, match="Did you mean 'lambda_domain'"):
        PixelDA(lamda_domain=1.0)
