"""A loaded model trains on from where it was saved: every class that trains, whatever its kind."""

import json
import logging

import keras
import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.models.registry import model_class, model_names
from refinezoo.training import AlternatingModel

# Tracing costs TensorFlow more than a few steps; JAX is slow without it.
EAGER = keras.backend.backend() == "tensorflow"
STEPS = 5004  # after SimGAN's pre-training, and where T2Net's discriminators have their turn
CHANGES = {
    "CycleGAN": {"ema_decay": 0.9},
    "T2Net": {"image_size": (96, 96)},
    "SimGAN": {"pool_size": 4, "refiner_moves": 1},
}


def trains(name):
    """Statistics alone are no training."""
    return not hasattr(model_class(name), "adapt") or issubclass(
        model_class(name), AlternatingModel
    )


TRAINED = [name for name in model_names() if trains(name)]


def side(model):
    """Height and width of images to train on."""
    size = getattr(model, "image_size", None) or 96
    return tuple(size) if isinstance(size, tuple | list) else (size, size)


def batch(model):
    """What one training step of any class takes: images, and labels for all kinds."""
    rng, (height, width) = np.random.default_rng(0), side(model)
    image = rng.integers(0, 256, (2, height, width, 3), "uint8")
    half = {
        "image": image,
        "foreground_mask": np.ones((2, height, width, 1), "float32"),
        "depth_m": np.full((2, height, width, 1), 2.0, "float32"),
        "label": np.array([0, 1]),
    }
    kind = model.kind.name
    if kind == "refiner":
        return ({"synthetic": half, "real": {**half, "image": image[::-1]}},)
    if kind == "detector":
        boxes = np.array([[0.2, 0.2, 0.7, 0.8]], "float32")
        targets = model.encode(boxes, np.array([1]), np.array([False]))
        return image, np.stack([targets, targets])
    quaternion = np.tile(np.array([1, 0, 0, 0], "float32"), (2, 1))
    targets = {
        "classifier": half["label"],
        "pose": {"label": half["label"], "quaternion": quaternion},
        "segmenter": np.ones((2, height, width), "int32"),
        "depth": half["depth_m"],
        "range": np.full((2, getattr(model, "sectors", 1)), 3.0, "float32"),
    }
    return image, targets[kind]


def ready(model):
    """Compiled, and with the same draws to come in every model."""
    model.compile(run_eagerly=EAGER)
    reseed(model)
    return model


def reseed(model):
    for variable in model.variables:
        if "seed_generator" in variable.path:
            variable.assign(np.zeros(variable.shape, variable.dtype))


def step(model):
    """Takes one, and says what the losses were before it."""
    reseed(model)
    logs = model.train_on_batch(*batch(model), return_dict=True)
    model.reset_metrics()
    return {name: float(value) for name, value in logs.items()}


# On JAX, which compiles each step of an adversarial method for minutes.
ON_JAX = ("Classifier",)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.once] * (name not in ON_JAX)) for name in TRAINED],
)
def test_a_loaded_model_takes_the_step_that_the_saved_one_takes(name, small_model, tmp_path):
    keras.utils.set_random_seed(0)
    model = small_model(name, **CHANGES.get(name, {}))
    rng = np.random.default_rng(2)
    for variable in model.variables:  # other weights than any initialiser gives
        if len(variable.shape) > 1 and "float" in variable.dtype:
            variable.assign(variable + 0.02 * rng.standard_normal(variable.shape))
    if isinstance(ready(model), AlternatingModel):
        model.optimizer.iterations.assign(STEPS)
    model.save_to_preset(tmp_path / "preset", half=False)
    again = ready(refinezoo.load(tmp_path / "preset"))
    before = [np.array(variable) for variable in model.trainable_variables]
    assert step(again) == pytest.approx(step(model), rel=1e-4, abs=1e-6)
    after = [np.array(variable) for variable in model.trainable_variables]
    assert far(before, after) > 0
    for ours, theirs in zip(model.variables, again.variables, strict=True):
        np.testing.assert_allclose(np.array(theirs), np.array(ours), atol=1e-5, err_msg=ours.path)
    if isinstance(model, AlternatingModel):
        assert int(again.optimizer.iterations) == STEPS + 1
        pairs = zip(before, after, strict=True)
        assert all(far([a], [b]) > 0 for a, b in pairs if a.ndim == 4)  # each player had its turn


def tiny_cyclegan(**changes):
    keras.utils.set_random_seed(0)
    settings = {"image_size": 32, "width": 4, "blocks": 1, "ema_decay": 0.99, "residual": True}
    return model_class("CycleGAN")(**{**settings, **changes})


def network_weights(network):
    return [keras.ops.convert_to_numpy(weight) for weight in network.weights]


def far(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


@pytest.mark.once
def test_what_refines_is_where_the_generator_starts(tmp_path, caplog):
    """As of the zoo, whose entries hold the running mean alone."""
    model = tiny_cyclegan()
    for weight in model.generator_mean.weights:
        weight.assign(weight + 0.1)
    model.save_to_preset(tmp_path / "preset", half=False, training=False)
    again = refinezoo.load(tmp_path / "preset")
    with caplog.at_level(logging.WARNING):
        ready(again)
    (line,) = caplog.messages
    assert "no weights of generator_r2s, discriminator_real, discriminator_synthetic: these" in line
    before = network_weights(model.generator_mean)
    assert far(network_weights(again.generator_s2r), before) == 0
    step(again)
    assert 0 < far(network_weights(again.generator_s2r), before) < 0.01
    assert far(network_weights(again.generator_mean), before) < 0.01
    with caplog.at_level(logging.WARNING):
        again.compile(run_eagerly=EAGER)  # says nothing again, and starts nothing anew
    assert len(caplog.messages) == 1 and int(again.optimizer.iterations) == 1


@pytest.mark.once
def test_loading_leaves_the_training_files_alone(tmp_path):
    folder = tiny_cyclegan().save_to_preset(tmp_path / "preset")
    recorded = json.loads((folder / "config.json").read_text())["training"]["networks"]
    assert set(recorded) == {
        "generator_s2r",
        "generator_r2s",
        "discriminator_real",
        "discriminator_synthetic",
    }
    broken = folder / recorded["generator_r2s"]["file"]
    content = bytearray(broken.read_bytes())
    content[100] ^= 1
    broken.write_bytes(content)
    again = refinezoo.load(folder)
    assert again.refine(np.zeros((8, 8, 3), "uint8")).shape == (8, 8, 3)
    with pytest.raises(RefinezooError, match="expected sha256 .*It has not been read"):
        again.compile()
    broken.unlink()
    with pytest.raises(RefinezooError, match="no file there"):
        refinezoo.load(folder).compile()


@pytest.mark.once
def test_training_weights_that_do_not_fit_are_refused(tmp_path):
    folder = tiny_cyclegan().save_to_preset(tmp_path / "preset")
    config = json.loads((folder / "config.json").read_text())
    networks = config["training"]["networks"]
    networks["generator_r2s"] = networks["discriminator_real"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(RefinezooError, match="do not fit this network"):
        refinezoo.load(folder).compile()


@pytest.mark.once
def test_a_loaded_preset_saved_again_still_trains_on(tmp_path):
    model = tiny_cyclegan()
    model.save_to_preset(tmp_path / "first", half=False)
    again = refinezoo.load(tmp_path / "first")
    again.save_to_preset(tmp_path / "first", half=False)  # in its own place
    ready(again)
    third = ready(refinezoo.load(tmp_path / "first"))
    for name, network in model.training_networks().items():
        for other in (again, third):
            assert far(network_weights(network), network_weights(getattr(other, name))) == 0


@pytest.mark.once
def test_other_arguments_keep_what_fits(tmp_path, caplog):
    folder = tiny_cyclegan().save_to_preset(tmp_path / "preset", half=False)
    arguments = {"learning_rate": 1e-5, "discriminator_width": 6}
    again = refinezoo.load(folder, arguments=arguments)
    assert again.arguments["learning_rate"] == 1e-5
    with pytest.raises(RefinezooError, match="do not fit this network"):
        again.compile()
    with pytest.raises(RefinezooError, match="takes no argument 'learning'"):
        refinezoo.load(folder, arguments={"learning": 1})
    with pytest.raises(RefinezooError, match="do not fit this network"):
        refinezoo.load(folder, arguments={"width": 8})


@pytest.mark.once
def test_simgan_repeats_no_pre_training(tmp_path):
    keras.utils.set_random_seed(0)
    settings = {"image_size": 16, "width": 4, "blocks": 1, "discriminator_width": 6}
    moves = {"refiner_moves": 1, "pretrain_refiner": 3, "pretrain_discriminator": 3}
    model = ready(model_class("SimGAN")(**settings, **moves, pool_size=4))
    model.optimizer.iterations.assign(50)
    for training, movers in ((True, {"refiner", "discriminator"}), (False, {"discriminator"})):
        folder = model.save_to_preset(tmp_path / str(training), half=False, training=training)
        again = ready(refinezoo.load(folder))
        before = {name: network_weights(getattr(again, name)) for name in movers | {"refiner"}}
        step(again)
        moved = {
            name for name in before if far(before[name], network_weights(getattr(again, name)))
        }
        assert moved == movers
