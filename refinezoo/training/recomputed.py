"""Gradient checkpointing: less memory for one more pass through a network."""

from collections.abc import Callable
from typing import Any

import keras


class Recomputed:
    """Sends tensors through networks and forgets the feature maps in between.

    For the gradients each pass is computed again, one after the other: TensorFlow would begin all
    of them at once, as soon as their outputs' gradients are there, and hold as much as without.
    What a network draws or counts (dropout, batch statistics) must not differ in the second pass.
    """

    def __init__(self) -> None:
        self.finished: list[Any] = []  # gradients of the pass that was computed again last

    def __call__(self, network: Callable) -> Callable:
        """The network as a function of one tensor, with the same values and gradients."""
        if keras.backend.backend() != "tensorflow":
            return keras.remat(network)
        import tensorflow as tf

        @tf.custom_gradient
        def send(x):
            def gradients(dy, variables=()):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch([x, *variables])
                    with tf.control_dependencies([dy, *self.finished]):
                        again = tf.identity(x)
                    y = network(again)
                dx, *found = tape.gradient(y, [x, *variables], output_gradients=dy)
                self.finished = [gradient for gradient in found if gradient is not None]
                return (dx, found) if variables else dx

            return network(x), gradients

        return send
