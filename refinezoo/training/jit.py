"""Whether a model is compiled by XLA, and for which devices and hosts."""

import keras

from refinezoo.errors import RefinezooError


def choose_jit(jit_compile="auto"):
    """The `jit_compile` for `keras.Model.compile`.

    `"auto"` leaves XLA out for TensorFlow without a GPU, where steps were up to 1.4 times slower
    with it and the first one took 40 s.
    """
    if jit_compile != "auto" or keras.backend.backend() != "tensorflow":
        return jit_compile
    return "auto" if keras.distribution.list_devices("gpu") else False


def check_hosts():
    """Refuses JAX processes on CPUs whose collectives would meet out of order, or wait for ever."""
    if keras.backend.backend() != "jax":
        return
    import jax

    joined, eager = jax.process_count(), jax.config.read("jax_cpu_enable_async_dispatch")
    if joined > 1 and eager and jax.default_backend() == "cpu":
        raise RefinezooError(
            f"expected one JAX program at a time on the CPUs of {joined} processes, received "
            "jax_cpu_enable_async_dispatch=True. Say "
            "jax.config.update('jax_cpu_enable_async_dispatch', False) before "
            "keras.distribution.initialize."
        )
