"""Losses of every refiner, trained on one device and on two with the same global batches.

    KERAS_BACKEND=jax python tests/training/two_devices.py

TensorFlow: `MirroredStrategy` on two logical CPUs. JAX: `keras.distribution.DataParallel` on two
forced host devices.
Prints a line of JSON for each refiner: its name, losses of each epoch, on one device and on two.
"""

import functools
import json
import os
import random
import sys
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

os.environ["JAX_PLATFORMS"] = "cpu"
TWO = "--xla_force_host_platform_device_count=2"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {TWO}"

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402

from refinezoo.layers import DropoutAndNoise, InstanceNormalization  # noqa: E402
from refinezoo.models.registry import model_class  # noqa: E402
from refinezoo.networks import generators  # noqa: E402
from refinezoo.networks.t2net_blocks import batch_norm  # noqa: E402
from refinezoo.refiners import cyclegan, t2net, t2net_depth  # noqa: E402

TENSORFLOW = keras.backend.backend() == "tensorflow"
STEPS, EPOCHS, BATCH = 2, 2, 4
# What each replica draws or counts for itself is left out: histories of generated images, noise.
SIMGAN = {"image_size": 32, "width": 4, "blocks": 1, "discriminator_width": 6}
SIMGAN |= {"pretrain_refiner": 1, "pretrain_discriminator": 1, "refiner_moves": 1}
CYCLEGAN = {"image_size": 16, "pool_size": 0, "clip_norm": 0.1}
PIXELDA = {"generator": "simple", "width": 4, "noise_dimensions": 0, "tower_width_multiplier": 0.1}
ARGUMENTS = {
    "SimGAN": SIMGAN | {"clip_norm": 0.1, "pool_size": 0},
    "CycleGAN": CYCLEGAN,
    "CycleGANForegroundBackground": CYCLEGAN | {"ema_decay": 0.9},
    "PixelDA": PIXELDA | {"clip_norm": 0.1},
    "T2Net": {"image_size": (96, 96), "pool_size": 0, "discriminators_every": 2},
}


def generator(name=None, **settings):
    """A generator of two layers, which compile fast: what is tested is how it is trained."""
    images = keras.Input((None, None, 3))
    x = InstanceNormalization()(layers.Dense(4)(images))
    return keras.Model(images, layers.Dense(3, "tanh")(x), name=name)


def judge(channels=3, norm=InstanceNormalization):
    """A builder of discriminators of two layers."""

    def build(name=None, **settings):
        images = keras.Input((None, None, channels))
        x = layers.LeakyReLU()(norm()(layers.Dense(4)(images)))
        return keras.Model(images, layers.Dense(1)(x), name=name)

    return build


def depth_unet(**settings):
    """The inputs and outputs of `networks.depth_unet`, of one layer each."""
    images = keras.Input((None, None, 3))
    features = layers.Dense(4)(layers.AveragePooling2D(8)(images))
    maps = [layers.Dense(1, "tanh")(layers.AveragePooling2D(k)(images)) for k in (8, 4, 2, 1)]
    return keras.Model(images, [features, *maps])


SHALLOW = {
    (generators, "resnet_generator"): generator,
    (cyclegan, "patch_discriminator"): judge(),
    (t2net, "t2net_translator"): generator,
    (t2net_depth, "depth_unet"): depth_unet,
    (t2net, "t2net_image_discriminator"): judge(norm=batch_norm),
    (t2net, "t2net_feature_discriminator"): judge(4),
}


class Batches(keras.utils.PyDataset):
    """Fixed batches in a fixed order."""

    def __init__(self, model):
        super().__init__()
        side = model.image_size
        height, width = side if isinstance(side, tuple | list) else (side, side)
        self.shape = (BATCH, height, width)
        self.mask = np.zeros((*self.shape, 1), "float32")
        self.mask[:, : height // 2] = 1.0  # as much in each image: replicas take means of their own

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        rng = np.random.default_rng(index)

        def half():
            return {
                "image": rng.integers(0, 256, (*self.shape, 3), "uint8"),
                "foreground_mask": self.mask,
                "depth_m": rng.uniform(1, 5, (*self.shape, 1)).astype("float32"),
                "label": rng.integers(0, 2, BATCH),
            }

        return ({"synthetic": half(), "real": half()},)


def trained(name):
    """A refiner, and its named losses of each epoch."""
    random.seed(0)  # of it Keras draws the seeds of initializers
    model = model_class(name)(**ARGUMENTS[name])
    for layer in getattr(model, "discriminator", None) and model.discriminator.layers or ():
        if isinstance(layer, DropoutAndNoise):
            layer.rate = layer.stddev = 0.0
    # TensorFlow traces a step for each replica; one method suffices to see it in a graph.
    model.compile(run_eagerly=TENSORFLOW and name != "SimGAN")
    return model, model.fit(Batches(model), epochs=EPOCHS, shuffle=False, verbose=0).history


def losses(name):
    """Named losses of each epoch."""
    return trained(name)[1]


def on_two(name):
    """The same on two devices."""
    if TENSORFLOW:
        with mirrored().scope():
            return losses(name)
    with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
        return losses(name)


@functools.cache
def mirrored():
    """The strategy; a second one in a process would count its collectives from the start again."""
    import tensorflow as tf

    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    return tf.distribute.MirroredStrategy(devices)


def main():
    if TENSORFLOW:
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    for name in sys.argv[1:] or ARGUMENTS:
        print(json.dumps([name, losses(name), on_two(name)]), flush=True)


@contextmanager
def shallow():
    """Networks of a few layers, their weights drawn alike on every device."""
    with ExitStack() as stack:
        for (module, name), network in SHALLOW.items():
            stack.enter_context(patch.object(module, name, network))
        yield


if __name__ == "__main__":
    with shallow():
        main()
