"""Rates and decay of each kind of weight, and the poly schedule."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.training.layerwise import LayerwiseAdam, LayerwiseSGD
from refinezoo.training.schedules import Poly


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 2.5e-4),
        (9, 2.5e-4),
        (10, 2.5e-4 * 0.9995**0.9),
        (10_000, 2.5e-4 * 0.5**0.9),
        (19_999, 2.5e-4 * 0.0005**0.9),
        (20_000, 0.0),
        (30_000, 0.0),
    ],
)
def test_poly_schedule(step, expected):
    """20,000 steps of DeepLab-v2, updated every ten."""
    schedule = Poly(2.5e-4, 20_000, every=10)
    assert float(schedule(step)) == pytest.approx(expected, rel=1e-3, abs=1e-12)
    again = Poly.from_config(schedule.get_config())
    assert float(again(step)) == float(schedule(step))


def test_a_schedule_without_steps_is_refused():
    with pytest.raises(ValueError, match="steps >= 1"):
        Poly(1e-3, 0)


def test_each_kind_of_weight_moves_by_its_own_rule(rng):
    """Two layers, three steps, against Caffe's formula in NumPy."""
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, name="conv")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="aspp_6")(hidden))
    rules = [("^aspp_.*kernel$", 10, 1), ("^aspp_.*bias$", 20, 0), ("bias$", 2, 0)]
    expected_rules = {
        "conv/kernel": (1, 1),
        "conv/bias": (2, 0),
        "aspp_6/kernel": (10, 1),
        "aspp_6/bias": (20, 0),
    }
    optimizer = LayerwiseSGD(0.01, rules, l2=0.1, momentum=0.9)
    optimizer.build(model.trainable_variables)
    values = {v.path: rng.normal(size=v.shape).astype("float32") for v in model.weights}
    for variable in model.weights:
        variable.assign(values[variable.path])
    momentum = {path: np.zeros_like(value) for path, value in values.items()}
    for _ in range(3):
        gradients = {p: rng.normal(size=v.shape).astype("float32") for p, v in values.items()}
        optimizer.apply(
            [keras.ops.convert_to_tensor(gradients[v.path]) for v in model.weights],
            model.trainable_variables,
        )
        for path, (rate, decay) in expected_rules.items():
            step = gradients[path] + 0.1 * decay * values[path]
            momentum[path] = 0.9 * momentum[path] - 0.01 * rate * step
            values[path] = values[path] + momentum[path]
    for variable in model.weights:
        found = keras.ops.convert_to_numpy(variable.value)
        np.testing.assert_allclose(found, values[variable.path], rtol=1e-4, atol=1e-6)


def test_it_is_saved_with_its_rules():
    optimizer = LayerwiseSGD(Poly(1e-3, 100), [("bias$", 2, 0)], l2=5e-4, momentum=0.8)
    config = keras.saving.serialize_keras_object(optimizer)
    revived = keras.saving.deserialize_keras_object(config)
    assert revived.multipliers("conv/bias") == (2.0, 0.0) and revived.l2 == 5e-4
    assert revived.multipliers("conv/kernel") == (1.0, 1.0) and revived.momentum == 0.8
    with pytest.raises(RefinezooError, match="not weight_decay"):
        LayerwiseSGD(1e-3, weight_decay=5e-4)


def test_adam_moves_each_weight_at_its_own_rate(rng):
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, name="lite0_stem")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(hidden))
    optimizer = LayerwiseAdam(0.01, [("^lite0_.*bias$", 0), ("^lite0_", 0.1)])
    optimizer = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(optimizer)
    )
    before = [np.asarray(weight) for weight in model.trainable_variables]
    gradients = [rng.uniform(1, 2, weight.shape).astype("float32") for weight in before]
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], model.trainable_variables)
    for old, weight in zip(before, model.trainable_variables, strict=True):
        rate = {"lite0_stem/kernel": 1e-3, "lite0_stem/bias": 0}.get(weight.path, 1e-2)
        moved = old - np.asarray(weight)  # Adam's first step is the rate itself
        np.testing.assert_allclose(moved, rate, rtol=1e-3, atol=1e-7)
