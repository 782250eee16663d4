"""What every registered model promises, whatever its kind; the registry says which there are."""

from typing import Protocol

import h5py
import keras
import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.models.arguments import known_arguments, parameters
from refinezoo.models.hdf5 import InMemory, datasets
from refinezoo.models.registry import model_class, model_names
from refinezoo.models.variables import named_variables


@pytest.fixture(scope="module", params=model_names())
def model(request, small_model):
    keras.utils.set_random_seed(0)
    return small_model(request.param)


def settings(model):
    return {key: value for key, value in model.get_config().items() if key != "name"}


@pytest.mark.once
def test_a_preset_holds_all_that_is_trained(model):
    """What predicts, and what only training needs: neither is lost between two trainings."""
    _, networks = model.training_part()
    held = {id(w) for n in (model.preset_network, *networks.values()) for w in n.weights}
    assert [w.path for w in model.trainable_weights if id(w) not in held] == []


@pytest.mark.once
def test_a_preset_keeps_config_and_weights(model, rng, tmp_path):
    for weight in model.preset_network.weights:
        if "float" in weight.dtype:
            weight.assign(rng.uniform(0.1, 1.0, weight.shape).astype(weight.dtype))
    model.save_to_preset(tmp_path / "preset")
    loaded = refinezoo.load(tmp_path / "preset")  # built from the config in its JSON file
    shapes = [[tuple(weight.shape) for weight in each.weights] for each in (model, loaded)]
    assert shapes[0] == shapes[1]
    assert type(loaded) is type(model) and settings(loaded) == settings(model)
    networks = [m.preset_network.weights for m in (model, loaded)]
    for ours, theirs in zip(*networks, strict=True):
        ours, theirs = keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        # Half precision keeps 11 bits, and steps of 6e-8 below its smallest normal number.
        np.testing.assert_allclose(theirs, ours, rtol=2**-11, atol=6e-8)


@pytest.mark.once
def test_weights_are_named_as_keras_names_them(model):
    """In the order in which they lie in its file: presets are the same bytes either way."""
    _, networks = model.training_part()
    for network in (model.preset_network, *networks.values()):
        content = InMemory()
        network.save_weights(content)
        with h5py.File(content, "r") as file:
            expected = {name: dataset[()] for name, dataset in datasets(file).items()}
        found = named_variables(network)
        assert list(found) == list(expected)
        for name, variable in found.items():
            np.testing.assert_array_equal(np.asarray(variable), expected[name])


@pytest.mark.once
def test_an_unknown_argument_is_worded(model):
    with pytest.raises(RefinezooError, match="imagesize"):
        model_class(type(model).__name__)(**{**settings(model), "imagesize": 3})


@pytest.mark.once
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": 3}, "expected name as text without '/', such as 'mine', received 3 .int"),
        ({"name": "a/b"}, "received 'a/b'"),
        ({"dtype": "float33"}, "expected dtype as a type that Keras knows"),
        ({"trainable": "yes"}, "expected trainable as True or False"),
    ],
)
def test_arguments_of_keras_are_worded(model, wrong, words):
    name = type(model).__name__
    with pytest.raises(RefinezooError, match=f"{name}: .*{words}"):
        model_class(name)(**{**settings(model), **wrong})


@pytest.mark.once
@pytest.mark.parametrize("wrong", [object(), float("nan"), {"no such": object()}], ids=type)
def test_every_argument_refuses_what_it_cannot_mean(model, wrong):
    """Those whose default is None too, before anything is built."""
    cls = type(model)
    for name in parameters(cls):
        with pytest.raises(RefinezooError, match=name):
            cls(**{**settings(model), name: wrong})


@pytest.mark.once
def test_no_size_is_asked_of_a_class_that_takes_none():
    for value in (None, 64):
        with pytest.raises(RefinezooError, match="FDA takes no argument 'image_size'"):
            model_class("FDA")(image_size=value)


@pytest.mark.once
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"backbone": "efficientnet"}, "backbone as a Model or None, received 'eff"),
        ({"task_loss": 3}, "task_loss as a Model or text or a PathLike or None, received 3"),
        ({"decay_steps": [1]}, r"decay_steps\[1\] as a value, received"),
        ({"decay_steps": [1, 2, 3]}, "decay_steps as a list of at most 2 or None"),
        ({"decay_steps": [-1, 2]}, r"decay_steps\[0\] as a number of at least 0, received"),
        ({"lambda_cycle": -1}, "lambda_cycle as a number of at least 0.0, such as 10.0, received"),
        ({"generator": 3}, "generator as text, such as 'resnet', received 3"),
    ],
)
def test_arguments_are_worded(wrong, words):
    with pytest.raises(RefinezooError, match=f"CycleGAN: expected {words}"):
        model_class("CycleGAN")(**wrong)


@pytest.mark.once
def test_class_names_are_a_list_that_can_be_read_again_and_saved():
    for wrong in ((name for name in "ab"), {"a", "b"}, {"a": 1}.keys(), ["a", "a"], [], [True]):
        with pytest.raises(RefinezooError, match="class_names as a list of different names"):
            known_arguments(model_class("SSD300"), {"class_names": wrong})
    for right in (["a"], ("a", "b"), np.array(["a", "b"]), [0, 1]):
        known_arguments(model_class("SSD300"), {"class_names": right})


class Peculiar(Protocol):
    """What pydantic has no check for."""

    side: int


class UsersOwn:
    """A constructor with annotations of all sorts, none of which may stand in a user's way."""

    def __init__(
        self,
        *,
        size: tuple[int, int] = (1, 2),
        later: "NotYet" = 3,  # noqa: F821
        many: list["NotYet"] | None = None,  # noqa: F821
        shape: Peculiar | None = None,
        start: keras.initializers.Initializer | str = "zeros",
        bare=0.5,
        table: np.ndarray | None = None,
        gain: float = None,  # noqa: RUF013 (so people write)
    ): ...


@pytest.mark.once
def test_annotations_of_a_users_own_are_held_to_where_they_can_be():
    start = keras.initializers.Ones()
    fits = {"size": [3, 4], "later": 4, "many": [3], "shape": 3, "start": start, "bare": None}
    assert known_arguments(UsersOwn, {**fits, "gain": None}) == {**fits, "gain": None}
    assert known_arguments(UsersOwn, {"table": np.ones(3)})
    for wrong in ({"size": [3]}, {"later": "x"}, {"start": 3}, {"bare": "x"}, {"table": 3}):
        with pytest.raises(RefinezooError, match=f"expected {next(iter(wrong))}"):
            known_arguments(UsersOwn, wrong)
