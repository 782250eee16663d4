"""Learning-rate schedules: that of the official CycleGAN, and `poly` of DeepLab."""

import keras
from keras import ops

from refinezoo.errors import RefinezooError


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
            raise RefinezooError(
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


def decayed(rate, decay_steps, every=1):
    """A learning rate, or its `ConstantThenLinear`.

    Args:
        rate: learning rate.
        decay_steps: `(constant, linear)` training steps; None keeps the rate.
        every: training steps for each of the optimizer's own.
    """
    if not decay_steps:
        return rate
    constant, linear = (steps // every for steps in decay_steps)
    return ConstantThenLinear(rate, constant, max(1, linear) if every > 1 else linear)


@keras.saving.register_keras_serializable("refinezoo")
class Poly(keras.optimizers.schedules.LearningRateSchedule):
    """The `poly` policy of Caffe, as DeepLab uses it: `rate * (1 - step / steps) ** power`.

    Args:
        rate: learning rate of the first step.
        steps: training steps until it is 0, where it stays.
        power: 0.9 in DeepLab-v2.
        every: the rate changes every so many steps.
    """

    def __init__(self, rate, steps, power=0.9, every=1):
        if steps < 1 or every < 1:
            raise RefinezooError(
                f"expected steps >= 1 and every >= 1, received {steps} and {every}."
            )
        self.rate, self.steps, self.power, self.every = rate, steps, power, every

    def __call__(self, step):
        """The rate of training step `step`."""
        step = ops.cast(step, "float32")
        step = ops.floor(step / self.every) * self.every
        return self.rate * (1.0 - ops.clip(step / self.steps, 0.0, 1.0)) ** self.power

    def get_config(self):
        """Constructor arguments."""
        return {"rate": self.rate, "steps": self.steps, "power": self.power, "every": self.every}
