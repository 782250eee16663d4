"""The learning-rate schedule of the official CycleGAN."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("refinezoo")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """`rate` for `constant` steps, then falling linearly to 0 over `linear` steps.

    Args:
        rate: learning rate of the first part.
        constant: steps of the first part (CycleGAN: those of 100 epochs).
        linear: steps of the second (of another 100).
    """

    def __init__(self, rate, constant, linear):
        if constant < 0 or linear < 1:
            raise ValueError(
                f"expected constant >= 0 and linear >= 1 steps, received {constant} and {linear}."
            )
        self.rate, self.constant, self.linear = rate, constant, linear

    def __call__(self, step):
        """The rate of training step `step`."""
        over = (ops.cast(step, "float32") - self.constant) / self.linear
        return self.rate * (1.0 - ops.clip(over, 0.0, 1.0))

    def get_config(self):
        """Constructor arguments."""
        return {"rate": self.rate, "constant": self.constant, "linear": self.linear}
