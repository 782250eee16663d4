"""What differs between backends and devices: gradients, their norm, an update that may not be."""

import keras
from keras import ops

from refinezoo.layers.normalization import replicas


def value_and_gradients(function, variables):
    """The value of `function() -> (loss, aux)` and d loss / d `variables`.

    `function` is ordinary stateful Keras: what else it assigns (batch statistics, seeds, pools) is
    kept on every backend. On JAX this runs inside the `StatelessScope` that `train_step` opens.

    Args:
        function: returns a scalar loss and any structure of tensors.
        variables: list of `keras.Variable`.

    Returns:
        `(loss, aux), gradients`; a gradient is None where the loss does not depend on the variable
        (TensorFlow) or zeros (JAX).
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        sources = [variable.value for variable in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            loss, aux = function()
            # Replicas sum their gradients; the loss is the mean over the global batch.
            share = loss / tf.distribute.get_strategy().num_replicas_in_sync
        return (loss, aux), tape.gradient(share, sources)

    import jax

    outer = _outer_scope()
    known = dict(outer.state_mapping)
    owned = {id(variable) for variable in variables}

    def pure(values):
        with keras.StatelessScope() as inner:  # a nested scope does not inherit: copy the mapping
            inner.state_mapping |= known
            inner.state_mapping |= {id(v): x for v, x in zip(variables, values, strict=True)}
            loss, aux = function()
        moved = {
            key: value
            for key, value in inner.state_mapping.items()
            if key not in owned and value is not known.get(key)
        }
        return loss, (aux, moved)

    values = [known[id(variable)] for variable in variables]
    (loss, (aux, moved)), gradients = jax.value_and_grad(pure, has_aux=True)(values)
    outer.state_mapping |= moved
    return (loss, aux), gradients


def shortened(gradients, longest):
    """Gradients of the global batch, each of an L2 norm of at most `longest`.

    Where replicas share a batch the optimizer sums what they hand it, so each hands its part.
    """
    count = replicas()
    if count > 1:
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    norms = [ops.sqrt(ops.sum(ops.square(gradient))) for gradient in gradients]
    return [
        gradient * (longest / ops.maximum(norm, longest) / count)
        for gradient, norm in zip(gradients, norms, strict=True)
    ]


def when(condition, function, variables):
    """Runs `function()`, a stateful update of `variables`, if the scalar `condition` holds."""
    if replicas() > 1:
        import tensorflow as tf

        # Replicas cannot sum gradients inside a condition: they always do, and take it back.
        before = [tf.identity(variable.value) for variable in variables]
        function()
        for variable, value in zip(variables, before, strict=True):
            variable.assign(tf.where(condition, variable.value, value))
        return
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        def play():
            function()
            return 0

        tf.cond(condition, play, lambda: 0)
        return

    import jax

    outer = _outer_scope()

    def play(values):
        with keras.StatelessScope() as inner:
            inner.state_mapping |= values
            function()
        return {key: inner.state_mapping[key] for key in values}

    known = dict(outer.state_mapping)
    outer.state_mapping |= jax.lax.cond(condition, play, lambda values: values, known)


def stateless(step, groups, state, data):
    """Calls `step(data)`, which assigns to variables, as JAX asks: with their values, in and out.

    Args:
        step: ordinary stateful Keras, returns logs.
        groups: lists of variables.
        state: lists of their values.
        data: a batch.

    Returns:
        The logs, and the values after the step in a tuple of lists as `state`.
    """
    known = [
        pair
        for variables, values in zip(groups, state, strict=True)
        for pair in zip(variables, values, strict=True)
    ]
    with keras.StatelessScope(known) as scope:
        logs = step(data)
    return logs, tuple([scope.get_current_value(v) for v in group] for group in groups)


def _outer_scope():
    # Private in Keras 3.15; no public call returns the open scope.
    from keras.src.backend.common.stateless_scope import get_stateless_scope

    return get_stateless_scope()
