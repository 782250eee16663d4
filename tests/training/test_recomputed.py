"""Gradient checkpointing: the same values and gradients, fewer maps held."""

import keras
import numpy as np
import pytest

from refinezoo.refiners import CycleGAN
from refinezoo.training.gradients import stateless, value_and_gradients
from refinezoo.training.recomputed import Recomputed

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


def network(layers):
    keras.utils.set_random_seed(0)
    stack = [keras.layers.Conv2D(8, 3, padding="same", activation="tanh") for _ in range(layers)]
    return keras.Sequential(
        [keras.Input((32, 32, 3)), *stack, keras.layers.Conv2D(3, 3, padding="same")]
    )


def step_of(net, wrapped):
    """Loss and gradients of three passes, of which one goes through the result of another."""

    def step(images):
        def loss():
            send = Recomputed()(net) if wrapped else net
            once = send(images)
            return keras.ops.mean(keras.ops.abs(send(once) - images) + send(-images) ** 2), ()

        (value, _), gradients = value_and_gradients(loss, net.trainable_variables)
        return value, gradients

    return step


def compiled(net, wrapped):
    step = step_of(net, wrapped)
    if ON_TENSORFLOW:
        import tensorflow as tf

        return tf.function(step)
    import jax

    variables = net.trainable_variables
    return jax.jit(lambda x: stateless(step, [variables], [[v.value for v in variables]], x)[0])


def test_gradients_are_those_of_plain_passes(rng):
    images, net = rng.random((2, 32, 32, 3), "float32"), network(2)
    plain, again = (
        keras.tree.map_structure(keras.ops.convert_to_numpy, compiled(net, wrapped)(images))
        for wrapped in (False, True)
    )
    assert all(np.abs(gradient).max() > 1e-3 for gradient in plain[1])
    for one, other in zip(keras.tree.flatten(plain), keras.tree.flatten(again), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="of a tf.Graph; XLA may undo it on a processor")
def test_maps_of_one_pass_are_held_at_a_time():
    import tensorflow as tf

    from refinezoo.training.step_cost import graph_cost

    spec, net = tf.TensorSpec((2, 32, 32, 3)), network(8)
    plain, again = (
        graph_cost(compiled(net, wrapped).get_concrete_function(spec).graph)
        for wrapped in (False, True)
    )
    # The maps of one pass of three, and gradients; forwards 3, backwards 6, and 3 once more.
    assert again.live_mb < 0.6 * plain.live_mb
    assert again.gflop == pytest.approx(plain.gflop * 12 / 9, rel=0.02)


def test_a_cyclegan_trains_to_the_same_losses_and_weights(rng, shallow_cyclegans):
    batch = {
        half: {"image": rng.integers(0, 256, (1, 32, 32, 3), "uint8")}
        for half in ("synthetic", "real")
    }
    seen = []
    for asked in (False, True):
        keras.utils.set_random_seed(0)
        with shallow_cyclegans():
            model = CycleGAN(image_size=32, pool_size=2, gradient_checkpointing=asked)
        model.compile(run_eagerly=ON_TENSORFLOW)
        losses = [model.train_on_batch(batch, return_dict=True) for _ in range(2)]
        seen.append((losses, [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]))
    for plain, again in zip(*(losses for losses, _ in seen), strict=True):
        assert again == pytest.approx(plain, rel=1e-4)
    plain, again = (np.concatenate([w.ravel() for w in weights]) for _, weights in seen)
    # Adam makes a full step, 2e-4, of a gradient that is nothing but rounding: no single weight.
    assert np.abs(again - plain).mean() < 1e-5
