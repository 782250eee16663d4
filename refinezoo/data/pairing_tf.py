"""The `tf.data` twin of `unpaired`: the same batches as a `tf.data.Dataset`."""

from typing import Any

import numpy as np

from refinezoo.data.pairing import unpaired
from refinezoo.data.sampler import DOMAINS, UnpairedSampler


def unpaired_tf_dataset(synthetic: Any, real: Any, **arguments: Any) -> Any:
    """The batches of `refinezoo.data.unpaired` as an endless `tf.data.Dataset`.

    Samples are cut in parallel, in order; epoch e starts at batch `e * steps`. Give `fit`
    `steps_per_epoch=len(refinezoo.data.unpaired(...))`.

    Args:
        synthetic: as in `unpaired`.
        real: as in `unpaired`.
        **arguments: as in `unpaired`.

    Returns:
        A `tf.data.Dataset`.

    Raises:
        RefinezooError: as `unpaired`.
    """
    import tensorflow as tf

    twin = unpaired(synthetic, real, **arguments)
    sampler = twin.sampler
    first = twin.epoch * twin.steps * twin.batch_size

    def samples(t: Any) -> dict:
        out = {}
        for domain, name in enumerate(DOMAINS):
            first_sample = sampler.sample(domain, 0)
            keys = tuple(first_sample)
            values = tf.numpy_function(
                lambda t, domain=domain, keys=keys: _ordered(sampler, domain, int(t), keys),
                [t],
                [first_sample[key].dtype for key in keys],
            )
            out[name] = dict(zip(keys, values, strict=True))
            for key, value in out[name].items():
                value.set_shape(first_sample[key].shape)
        return out

    stream = tf.data.Dataset.range(first, np.iinfo(np.int64).max)
    stream = stream.map(samples, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return stream.batch(twin.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _ordered(
    sampler: UnpairedSampler, domain: int, t: int, keys: tuple[str, ...]
) -> list[np.ndarray]:
    record = sampler.sample(domain, t)
    return [record[key] for key in keys]
