"""Whether a model is compiled by XLA."""

import keras


def choose_jit(jit_compile="auto"):
    """The `jit_compile` for `keras.Model.compile`.

    `"auto"` leaves XLA out for TensorFlow without a GPU, where steps were up to 1.4 times slower
    with it and the first one took 40 s.
    """
    if jit_compile != "auto" or keras.backend.backend() != "tensorflow":
        return jit_compile
    return "auto" if keras.distribution.list_devices("gpu") else False
