"""Losses and weights of a refiner, trained by one process and by two, each with half of a batch.

    KERAS_BACKEND=jax python tests/training/two_hosts.py PORT INDEX CycleGAN PRESET

The two meet at 127.0.0.1:PORT, each with the two forced host devices of `two_devices.py`: four in
all. Prints a line of JSON: losses of each epoch and the sum of all weights. Process 0 also saves
the folder PRESET, trains by itself and prints a second line.
"""

import json
import sys
from unittest.mock import patch

import jax
import keras
import numpy as np
import two_devices

HOSTS = 2


class OwnShare(two_devices.Batches):
    """The rows of each global batch that this process reads."""

    def __getitem__(self, index):
        count = two_devices.BATCH // HOSTS
        first = jax.process_index() * count
        batch = super().__getitem__(index)
        return keras.tree.map_structure(lambda rows: rows[first : first + count], batch)


def told(model, history):
    """Losses of each epoch, and the sum of all weights, as JSON."""
    weights = [keras.ops.convert_to_numpy(value) for value in model.trainable_variables]
    return json.dumps([history, float(sum(np.abs(value).sum() for value in weights))])


def main(port, index, name, preset):
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    keras.utils.set_random_seed(0)
    keras.distribution.initialize(f"127.0.0.1:{port}", HOSTS, int(index))
    with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
        with patch.object(two_devices, "Batches", OwnShare):
            model, history = two_devices.trained(name)
    print(told(model, history), flush=True)
    if jax.process_index() == 0:
        model.save_to_preset(preset)
        print(told(*two_devices.trained(name)), flush=True)


if __name__ == "__main__":
    with two_devices.shallow():
        main(*sys.argv[1:])
