"""Optimizers that give each kind of weight a rate of its own."""

import re

import keras

from refinezoo.errors import RefinezooError


class _Layerwise:
    """Rates by the path of a weight; for a class of `keras.optimizers` with `rules`."""

    def multipliers(self, path):
        """(rate multiplier, decay multiplier) of the weight of that path."""
        for pattern, *factors in self.rules:
            if re.search(pattern, path):
                rate, decay = (*factors, 1.0)[:2]
                return float(rate), float(decay)
        return 1.0, 1.0

    def build(self, variables):
        """Looks up each weight's multipliers by its path."""
        if not self.built:
            # Kept by place: inside a TensorFlow step a variable no longer knows its Keras path.
            self._multipliers = [self.multipliers(variable.path) for variable in variables]
        super().build(variables)

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "rules": [list(rule) for rule in self.rules]}


@keras.saving.register_keras_serializable("refinezoo")
class LayerwiseSGD(_Layerwise, keras.optimizers.SGD):
    """SGD as Caffe has it: rate and weight decay per weight (`lr_mult`, `decay_mult`).

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

    def update_step(self, gradient, variable, learning_rate):
        """One weight's step."""
        rate, decay = self._multipliers[self._get_variable_index(variable)]
        if self.l2 and decay:
            weight = keras.ops.convert_to_tensor(variable)
            gradient = keras.ops.cast(gradient, weight.dtype) + self.l2 * decay * weight
        super().update_step(gradient, variable, learning_rate * rate)

    def get_config(self):
        """Constructor arguments."""
        config = super().get_config()
        del config["weight_decay"]
        return {**config, "l2": self.l2}


@keras.saving.register_keras_serializable("refinezoo")
class LayerwiseAdam(_Layerwise, keras.optimizers.Adam):
    """Adam whose rate depends on the weight: a pretrained backbone moves slower than its head.

    Args:
        learning_rate: a number or schedule.
        rules: list of `(pattern, rate_multiplier)`, as in `LayerwiseSGD`; 0 holds a weight fast.
        **kwargs: of `keras.optimizers.Adam`.

    Example:
        >>> LayerwiseAdam(1e-3, [("^lite0_", 0.1)])
    """

    def __init__(self, learning_rate=1e-3, rules=(), **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rules = [tuple(rule) for rule in rules]

    def update_step(self, gradient, variable, learning_rate):
        """One weight's step."""
        rate, _ = self._multipliers[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * rate)
