"""Functions of arrays as training and refining run them on JAX: compiled as a whole."""

import functools
from collections.abc import Callable

import keras


def compiled(function: Callable) -> Callable:
    """`function`, on JAX compiled once for each kind of arguments; elsewhere as it is.

    Called as it is, JAX compiles each operation of it alone, at 30 ms. Arrays are what it is
    compiled for; all other arguments are part of it.
    """
    if keras.backend.backend() != "jax":
        return function
    import jax

    made: dict = {}

    @functools.wraps(function)
    def call(*args, **kwargs):
        leaves, tree = jax.tree.flatten((args, kwargs))
        is_array = [hasattr(leaf, "shape") for leaf in leaves]
        fixed = tuple(None if array else leaf for leaf, array in zip(leaves, is_array, strict=True))
        if (tree, fixed) not in made:

            def of_arrays(arrays):
                rest = iter(arrays)
                filled = [
                    next(rest) if array else leaf
                    for leaf, array in zip(fixed, is_array, strict=True)
                ]
                args, kwargs = jax.tree.unflatten(tree, filled)
                return function(*args, **kwargs)

            made[tree, fixed] = jax.jit(of_arrays)
        arrays = [leaf for leaf, array in zip(leaves, is_array, strict=True) if array]
        return made[tree, fixed](arrays)

    return call
