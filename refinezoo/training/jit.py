"""Whether a model is compiled by XLA, and for which devices."""

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


def check_one_host():
    """Refuses several JAX processes: their collectives met out of order, or waited for ever."""
    if keras.backend.backend() != "jax":
        return
    import jax

    if jax.process_count() > 1:
        raise RefinezooError(
            "expected one process (its devices may be several), received "
            f"{jax.process_count()} joined by jax.distributed. Train on one machine, under "
            "keras.distribution.DataParallel, or without jax.distributed.initialize."
        )
