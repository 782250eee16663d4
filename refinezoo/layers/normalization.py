"""Instance normalisation in today's Keras (tensorflow-addons ended in May 2024); batch norm."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("refinezoo")
class InstanceNormalization(keras.layers.Layer):
    """Normalises each channel of each image `[B, H, W, C]` over its pixels.

    `GroupNormalization` with one group per channel gives the same values, but by a reshape to five
    dimensions over which the runtimes of exported files reduce slowly: OpenVINO spent 623 of
    1,120 ms of a ResNet-9 on it, 17 of 506 ms on this (`benchmarks/export_speed.py`).

    It computes in float32 under mixed precision: the variance of a half-precision image overflows.

    Args:
        epsilon: added to the variance; 1e-5 as in PyTorch.
        affine: learn a scale and an offset per channel. The official PyTorch CycleGAN does not.
    """

    def __init__(self, epsilon=1e-5, affine=False, **kwargs):
        super().__init__(**kwargs)
        self.epsilon, self.affine = epsilon, affine

    def build(self, shape):
        if self.affine:
            self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
            self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

    def call(self, images):
        centred = ops.cast(images, "float32")
        centred = centred - ops.mean(centred, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
        # A product, not a quotient: tf2onnx moves transposes past a product alone.
        normal = centred * ops.rsqrt(variance + self.epsilon)
        if self.affine:
            normal = normal * ops.cast(self.gamma, "float32") + ops.cast(self.beta, "float32")
        return ops.cast(normal, self.compute_dtype)

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "affine": self.affine}


def batch_normalization(name=None, momentum=0.9, epsilon=1e-3, scale=False, **settings):
    """Batch norm as TF-slim's default, which PixelDA used: an offset but no scale, decay 0.9.

    Replicas of `tf.distribute` that are there when it is built share its statistics, as the shards
    of a batch do on JAX by themselves.
    """
    return keras.layers.BatchNormalization(
        momentum=momentum,
        epsilon=epsilon,
        scale=scale,
        synchronized=replicas() > 1,
        name=name,
        **settings,
    )


def replicas():
    """Replicas of `tf.distribute` that train together here; 1 on JAX, which has none."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync
