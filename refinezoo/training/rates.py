"""How fast this machine does what training steps are made of."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from statistics import median
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True)
class Rates:
    """What this machine does in a second.

    Attributes:
        gflop: 10^9 operations of 3 x 3 convolutions of 64 maps and their gradients.
        narrow_gflop: the same of 16 maps.
        moved_mb: MB read and written by a sum of two maps.
    """

    gflop: float
    narrow_gflop: float
    moved_mb: float


def measured_rates() -> Rates:
    """The rates of this machine, here and now, in a second or two."""
    gflop, narrow = _trained_convolution(64, 64), _trained_convolution(128, 16)
    maps = keras.ops.ones((1, 256, 256, 64))
    read_and_written_mb = 3 * prod(maps.shape) * 4e-6
    return Rates(gflop, narrow, read_and_written_mb / undisturbed_seconds(lambda: maps + maps))


def _trained_convolution(side: int, count: int) -> float:
    """GFLOP/s of a 3 x 3 convolution of square maps to as many, and of its two gradients."""
    rng = np.random.default_rng(0)
    maps = keras.ops.convert_to_tensor(rng.random((1, side, side, count), "float32"))
    kernel = keras.ops.convert_to_tensor(rng.random((3, 3, count, count), "float32"))

    def loss(maps, kernel):
        return keras.ops.sum(keras.ops.square(keras.ops.conv(maps, kernel, padding="same")))

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        @tf.function
        def gradients(maps, kernel):
            with tf.GradientTape() as tape:
                tape.watch([maps, kernel])
                value = loss(maps, kernel)
            return tape.gradient(value, [maps, kernel])
    else:
        import jax

        gradients = jax.jit(jax.grad(loss, (0, 1)))
    once = undisturbed_seconds(lambda: gradients(maps, kernel)[1])
    return 3 * 2 * side**2 * prod(kernel.shape) / once / 1e9


def undisturbed_seconds(take: Callable[[], Any]) -> float:
    """Seconds of a call where nobody else holds the processor, from twenty calls after a first one.

    Processor time over as many threads as were seen to work at once: on a core that others share a
    call lasts longer than a turn, so even the fastest one has waited. Of a GPU, which works while
    the processor waits, the fastest call.

    Args:
        take: returns a tensor of rank 4.
    """

    def once() -> tuple[float, float]:
        begun, cpu_begun = time.perf_counter(), time.process_time()
        keras.ops.convert_to_numpy(take()[0, 0, 0, 0])
        return time.perf_counter() - begun, time.process_time() - cpu_begun

    once()  # traces and compiles
    wall, cpu = zip(*(once() for _ in range(20)), strict=True)
    if any(not device.lower().startswith("cpu") for device in keras.distribution.list_devices()):
        return min(wall)
    return median(cpu) / max(1.0, *(used / took for used, took in zip(cpu, wall, strict=True)))
