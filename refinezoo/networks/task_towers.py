"""Task towers T of PixelDA: image to class, or to class and rotation.

Reference: Bousmalis et al. 2017, arXiv 1612.05424, and its official code; the digit and sign
towers are those of Ganin et al. 2016, arXiv 1505.07818.
"""

from typing import NamedTuple

import keras
from keras import layers, ops

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.layers import DropoutAndNoise
from refinezoo.networks.efficientnet_lite0 import efficientnet_lite0_maps, efficientnet_lite0_top
from refinezoo.networks.generators import normal_initializer
from refinezoo.renames import renamed


class _Design(NamedTuple):
    """Convolutions (kernel, filters, pool, stride; pool 0 is none), dense layers, dropout."""

    convolutions: tuple[tuple[int, int, int, int], ...]
    dense: tuple[int, ...]
    dropout: float = 0.0
    private: int = 1


_DESIGNS = {
    "mnist": _Design(((5, 32, 2, 2), (5, 48, 2, 2)), (100, 100)),
    "svhn": _Design(((5, 64, 3, 2), (5, 64, 3, 2), (5, 128, 0, 0)), (3072, 2048)),
    "gtsrb": _Design(((5, 96, 2, 2), (3, 144, 2, 2), (5, 256, 2, 2)), (512,)),
    "pose_mini": _Design(((5, 32, 2, 2), (5, 64, 2, 2)), (128,), dropout=0.5),
}
TOWERS = (*_DESIGNS, "doubling")
LITE0_TOWER, _LITE0_SIZE = "efficientnet_lite0", 96


class TaskTower(NamedTuple):
    """T in three networks: first layers of its own for renders, and those after them.

    `shared(private_synthetic(x))` judges renders, `shared(private_real(x))` refined and real
    images.
    """

    private_synthetic: keras.Model
    private_real: keras.Model
    shared: keras.Model

    @property
    def networks(self):
        """The networks, each once: without private layers there is only `shared`."""
        return tuple(network for network in self if network.weights)


@renamed(width="width_multiplier")
def task_tower(
    kind,
    *,
    image_size,
    classes,
    channels=3,
    quaternion=False,
    width_multiplier=1.0,
    private_layers=None,
    dropout=None,
):
    """The tower `kind`: ReLU, zero-padded convolutions, no batch norm, N(0, 0.02).

    * `mnist`: 5x5 32, pool 2 | 5x5 48, pool 2, 100, 100
    * `svhn`: 5x5 64, pool 3 s2 | 5x5 64, pool 3 s2, 5x5 128, 3072, 2048
    * `gtsrb`: 5x5 96, pool 2 | 3x3 144, pool 2, 5x5 256, pool 2, 512
    * `pose_mini`: 5x5 32, pool 2 | 5x5 64, pool 2, 128, dropout 0.5
    * `doubling`: 2 x (3x3 32 and 64, pool 2) | 3x3 doubling, pool 2 while the side is over 5, 100,
      dropout 0.5

    Left of the bar are the private layers.

    Args:
        kind: one of the above.
        image_size: side S, pixels, at least 8.
        classes: number K of classes.
        channels: 3 RGB, 4 RGB and depth.
        quaternion: adds the rotation head: 4 units, tanh, divided by their length.
        width_multiplier: multiplies every number of filters and units.
        private_layers: private convolutions; None is the number above, 0 shares all.
        dropout: share of the last dense layer's units dropped in training; None is that above.

    Returns:
        `TaskTower`; images float `[B, S, S, channels]` in [-1, 1] to
        `{"label": logits [B, K][, "quaternion": unit wxyz [B, 4]]}`, float32.

    Raises:
        RefinezooError: for an unknown kind, or images too small for it.
    """
    if kind not in TOWERS:
        raise RefinezooError(
            f"expected a task tower of {', '.join(TOWERS)}, received {kind!r}."
            f"{did_you_mean(kind, TOWERS)}"
        )
    if image_size < 8 or classes < 2:
        raise RefinezooError(
            "expected image_size of at least 8 pixels and at least 2 classes, received "
            f"{image_size} and {classes}."
        )
    design = _doubling(image_size) if kind == "doubling" else _DESIGNS[kind]
    private = design.private if private_layers is None else private_layers
    if not 0 <= private <= len(design.convolutions):
        raise RefinezooError(
            f"expected private_layers from 0 to {len(design.convolutions)} for {kind}, received "
            f"{private}."
        )
    dropout = design.dropout if dropout is None else dropout
    if not 0 <= dropout < 1:
        raise RefinezooError(f"expected a dropout from 0 to below 1, received {dropout}.")

    def channels_of(paper):
        return max(4, round(paper * width_multiplier))

    def convolved(x, convolutions):
        for kernel, filters, pool, stride in convolutions:
            x = layers.Conv2D(
                channels_of(filters),
                kernel,
                padding="same",
                activation="relu",
                kernel_initializer=normal_initializer(),
            )(x)
            if pool:
                x = layers.MaxPooling2D(pool, stride)(x)
        return x

    def private_network(name):
        images = keras.Input((image_size, image_size, channels), name="images")
        x = convolved(images, design.convolutions[:private])
        return keras.Model(images, x if private else layers.Identity()(x), name=name)

    first, second = private_network("private_synthetic"), private_network("private_real")
    features = keras.Input(first.output.shape[1:], name="features")
    x = layers.Flatten()(convolved(features, design.convolutions[private:]))
    for units in design.dense:
        x = layers.Dense(
            channels_of(units), activation="relu", kernel_initializer=normal_initializer()
        )(x)
    if dropout:
        x = DropoutAndNoise(dropout, 0.0)(x)
    outputs = _heads(x, classes, quaternion)
    return TaskTower(first, second, keras.Model(features, outputs, name="shared"))


def lite0_tower(*, image_size, classes, quaternion=False, dropout=None, batch_norm=False):
    """EfficientNet-Lite0 with the heads of a task tower; for `Classifier` and `PoseTower`.

    Args:
        image_size: side S, pixels, at least 96; the published weights are of 224.
        classes: number K of classes.
        quaternion: adds the rotation head, as in `task_tower`.
        dropout: before the heads; None is 0.2.
        batch_norm: trains the batch normalisation (`networks.efficientnet_lite0`).

    Returns:
        keras.Model, images float `[B, S, S, 3]` in [-1, 1] to the outputs of `task_tower`.

    Raises:
        RefinezooError: images too small for it.
    """
    if image_size < _LITE0_SIZE:
        raise RefinezooError(
            f"expected image_size of at least {_LITE0_SIZE} pixels for {LITE0_TOWER}, which halves "
            f"its input five times, received {image_size}. Enlarge the images, or take another "
            f"tower: {', '.join(TOWERS)}."
        )
    images = keras.Input((image_size, image_size, 3), name="images")
    maps = efficientnet_lite0_maps(images, batch_norm=batch_norm)
    dropout = 0.2 if dropout is None else dropout
    x = efficientnet_lite0_top(maps[32], batch_norm=batch_norm, dropout=dropout)
    return keras.Model(images, _heads(x, classes, quaternion), name="tower")


def _heads(x, classes, quaternion):
    outputs = {"label": _head(x, classes, "label")}
    if quaternion:
        outputs["quaternion"] = UnitLength(dtype="float32", name="quaternion")(
            ops.tanh(_head(x, 4, "rotation"))
        )
    return outputs


def _head(x, units, name):
    return layers.Dense(units, kernel_initializer=normal_initializer(), dtype="float32", name=name)(
        x
    )


def _doubling(image_size):
    side, filters, convolutions = image_size, 32, []
    while side > 5:
        convolutions.append((3, filters, 2, 2))
        side, filters = side // 2, filters * 2
    return _Design(tuple(convolutions), (100,), 0.5, private=min(2, len(convolutions)))


@keras.saving.register_keras_serializable("refinezoo")
class UnitLength(keras.layers.Layer):
    """Divides vectors `[B, N]` by their length."""

    def call(self, x):
        squared = ops.sum(ops.square(x), axis=-1, keepdims=True)
        return x * ops.rsqrt(ops.maximum(squared, 1e-12))

    def compute_output_shape(self, shape):
        return shape
