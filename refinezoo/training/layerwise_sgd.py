"""SGD as Caffe has it: each kind of weight with a rate and a decay of its own."""

import re

import keras

from refinezoo.errors import RefinezooError


@keras.saving.register_keras_serializable("refinezoo")
class LayerwiseSGD(keras.optimizers.SGD):
    """SGD with momentum whose rate and weight decay depend on the weight (`lr_mult`, `decay_mult`).

        g = dL/dw + l2 * decay_multiplier * w
        m = momentum * m - rate * rate_multiplier * g
        w = w + m

    The decay is part of the gradient, inside the momentum, as in Caffe; that of
    `keras.optimizers.SGD(weight_decay=...)` is not.

    Args:
        learning_rate: a number or schedule.
        rules: list of `(pattern, rate_multiplier, decay_multiplier)`. The first regular expression
            that is found in a weight's path (`"aspp_6/kernel"`) rules it; without one both are 1.
        l2: weight decay.
        momentum: as in `keras.optimizers.SGD`.
        **kwargs: of `keras.optimizers.SGD`, without `weight_decay`.

    Example:
        >>> LayerwiseSGD(1e-3, [("^fc8", 10, 1), ("bias$", 2, 0)], l2=5e-4)
    """

    def __init__(self, learning_rate=0.01, rules=(), l2=0.0, momentum=0.9, **kwargs):
        if kwargs.pop("weight_decay", None):
            raise RefinezooError("expected l2, the decay inside the momentum, not weight_decay.")
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        self.rules, self.l2 = [tuple(rule) for rule in rules], l2

    def multipliers(self, path):
        """(rate multiplier, decay multiplier) of the weight of that path."""
        for pattern, rate, decay in self.rules:
            if re.search(pattern, path):
                return float(rate), float(decay)
        return 1.0, 1.0

    def build(self, variables):
        """Looks up each weight's multipliers by its path."""
        if not self.built:
            # Kept by place: inside a TensorFlow step a variable no longer knows its Keras path.
            self._multipliers = [self.multipliers(variable.path) for variable in variables]
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        """One weight's step."""
        rate, decay = self._multipliers[self._get_variable_index(variable)]
        if self.l2 and decay:
            weight = keras.ops.convert_to_tensor(variable)
            gradient = keras.ops.cast(gradient, weight.dtype) + self.l2 * decay * weight
        super().update_step(gradient, variable, learning_rate * rate)

    def get_config(self):
        """Constructor arguments."""
        config = {**super().get_config(), "rules": [list(rule) for rule in self.rules]}
        del config["weight_decay"]
        return {**config, "l2": self.l2}
