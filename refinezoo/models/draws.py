"""Initial weights drawn by NumPy: on JAX, and where a file is about to replace them."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
from keras.src.initializers import random_initializers

_drawing = threading.RLock()


class _NumPyRandom:
    """The functions of a backend that Keras' initializers call, their draws by NumPy."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)  # seeds

    def uniform(self, shape, minval=0.0, maxval=1.0, dtype=None, seed=None) -> Any:
        draws = _generator(seed).random(shape, "float32")
        return keras.ops.convert_to_tensor(minval + (maxval - minval) * draws, dtype)

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None) -> Any:
        draws = _generator(seed).standard_normal(shape, "float32")
        return keras.ops.convert_to_tensor(mean + stddev * draws, dtype)

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None) -> Any:
        generator = _generator(seed)
        draws = generator.standard_normal(shape, "float32")
        while (outside := np.abs(draws) > 2).any():
            draws[outside] = generator.standard_normal(outside.sum(), "float32")
        return keras.ops.convert_to_tensor(mean + stddev * draws, dtype)


def _generator(seed: Any) -> np.random.Generator:
    words = [seed] if isinstance(seed, int) else keras.ops.convert_to_numpy(seed.next()).ravel()
    return np.random.default_rng([int(word) & 0xFFFFFFFF for word in words])


@contextmanager
def drawn_by_numpy() -> Iterator[None]:
    """Has Keras' initializers draw by NumPy meanwhile, from the same distributions.

    JAX compiles the drawing of each shape, about a second each: most of the time that making a
    model took. What a preset's file does not hold, as discriminators, keeps these draws.
    """
    with _drawing:
        backend = random_initializers.random
        random_initializers.random = _NumPyRandom(backend)
        try:
            yield
        finally:
            random_initializers.random = backend


def drawn_cheaply() -> AbstractContextManager[None]:
    """`drawn_by_numpy` on JAX; elsewhere the backend draws as fast itself."""
    return drawn_by_numpy() if keras.backend.backend() == "jax" else nullcontext()
