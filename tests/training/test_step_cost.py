"""Memory and arithmetic of a step, counted on graphs small enough to count by hand."""

import time
from dataclasses import asdict

import keras
import numpy as np
import pytest

from refinezoo.refiners import CycleGAN
from refinezoo.training.rates import Rates, measured_rates, undisturbed_seconds
from refinezoo.training.step_cost import StepCost, graph_cost, step_cost

tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="XLA tells it of JAX's steps"
)
MAP = 2 * 8 * 8 * 4 * 4 / 1e6  # of 4 channels, MB


def graph_of(function):
    import tensorflow as tf

    spec = tf.TensorSpec((2, 8, 8, 3), tf.float32)
    kernel = tf.TensorSpec((3, 3, 3, 4), tf.float32)
    return tf.function(function).get_concrete_function(spec, kernel).graph


@tensorflow
def test_a_convolution_and_what_is_done_in_its_place():
    import tensorflow as tf

    def step(x, kernel):
        y = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME"))
        return tf.reduce_sum(y)

    cost = graph_cost(graph_of(step))
    assert cost.gflop == pytest.approx(2 * (2 * 8 * 8 * 4) * 27 / 1e9)
    assert cost.narrow_gflop == cost.gflop  # four channels
    assert cost.live_mb == pytest.approx(MAP + 4 / 1e6)  # and the sum


@tensorflow
def test_a_map_is_held_until_it_is_read_for_the_last_time():
    import tensorflow as tf

    def step(x, kernel):
        first = tf.nn.conv2d(x, kernel, 1, "SAME")
        second = tf.nn.softmax(first)
        return second * first  # into the place of one of both

    assert graph_cost(graph_of(step)).live_mb == pytest.approx(2 * MAP)


@tensorflow
def test_gradients_of_a_convolution_cost_twice_its_pass():
    import tensorflow as tf

    def step(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = tf.reduce_sum(tf.nn.conv2d(x, kernel, 1, "SAME") ** 2)
        return tape.gradient(y, [x, kernel])

    assert graph_cost(graph_of(step)).gflop == pytest.approx(3 * 2 * 512 * 27 / 1e9)


@tensorflow
def test_of_a_branch_the_larger_side_counts():
    import tensorflow as tf

    def step(x, kernel):
        def large():
            return tf.reduce_sum(tf.nn.conv2d(x, kernel, 1, "SAME"))

        return tf.cond(tf.reduce_sum(x) > 0, large, lambda: 0.0)

    cost = graph_cost(graph_of(step))
    assert cost.gflop == pytest.approx(2 * 512 * 27 / 1e9)
    assert MAP <= cost.live_mb < 1.1 * MAP


def test_a_step_on_twice_the_images_is_twice_the_arithmetic(shallow_cyclegans):
    with shallow_cyclegans():
        model = CycleGAN(image_size=32, pool_size=4)
    model.compile()
    costs = []
    for count in (1, 2):
        images = np.zeros((count, 32, 32, 3), "uint8")
        costs.append(step_cost(model, {half: {"image": images} for half in ("synthetic", "real")}))
    assert costs[1].gflop / costs[0].gflop == pytest.approx(2, rel=0.1)
    assert costs[1].live_mb > costs[0].live_mb > 0


def test_each_kind_of_work_goes_at_its_rate():
    cost = StepCost(live_mb=9, operations=10**5, gflop=30, narrow_gflop=10, moved_mb=50)
    rates = Rates(gflop=10, narrow_gflop=5, moved_mb=100)
    assert cost.seconds(rates) == pytest.approx(2 + 2 + 0.5 + 0.3)
    assert min(asdict(measured_rates()).values()) > 0


def test_waiting_for_a_core_is_no_work():
    image = np.zeros((1, 1, 1, 1))

    def preempted():
        time.sleep(0.05)
        return image

    assert undisturbed_seconds(preempted) < 0.01
