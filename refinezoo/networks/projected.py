"""The projected discriminator (Sauer et al. 2021, arXiv 2111.01007): frozen features, light heads.

A frozen backbone's maps c_l go through random mixing that is never trained: across channels (CCM)
and, from the coarsest scale to the finest, across scales (CSM),

    t_L = A_L up(c'_L),   t_l = A_l up(t_{l+1} + c'_l),   c'_l = C_l c_l

with 1x1 convolutions A, C and bilinear up. A small head per scale judges t_l.
"""

import keras
import numpy as np
from keras import layers

from refinezoo.errors import RefinezooError
from refinezoo.layers import SpectralConv2D
from refinezoo.layers.resizing import ResizeLike

MIXED = (64, 128, 256, 512)  # channels of c'_l, finest first
LEAST = 64  # px: below it the coarsest of three maps is smaller than its head's kernels


def projected_features(backbone, *, taps=3, seed=0, name="projected_features"):
    """The maps t_l of images; no weight of it trains.

    1x1 convolutions commute with bilinear enlargement, so they come before it, at a quarter of
    the work.

    Args:
        backbone: `keras.Model`, images `[B, H, W, 3]` in [-1, 1] to a list of feature maps,
            finest first, each half as fine as the one before. It is frozen.
        taps: how many of its maps are used. The coarser, the more of the layout is judged.
        seed: of the mixing; the same on every backend.
        name: of the model.

    Returns:
        `keras.Model`, float `[B, H, W, 3]` in [-1, 1] to a list of `taps` maps, finest first, each
        twice as fine as the backbone's.

    Raises:
        RefinezooError: the backbone has fewer maps.
    """
    if not 1 <= taps <= min(len(backbone.outputs), len(MIXED)):
        raise RefinezooError(
            f"expected taps from 1 to {min(len(backbone.outputs), len(MIXED))}, the maps of the "
            f"backbone, received {taps}."
        )
    random = np.random.default_rng(seed)

    def mixed(x, filters):
        layer = layers.Conv2D(filters, 1, use_bias=False)
        x = layer(x)
        bound = layer.kernel.shape[2] ** -0.5
        layer.set_weights([random.uniform(-bound, bound, layer.kernel.shape).astype("float32")])
        return x

    images = keras.Input((None, None, 3), name="images")
    maps = keras.tree.flatten(backbone(images, training=False))[:taps]
    maps = [mixed(x, filters) for x, filters in zip(maps, MIXED, strict=False)]
    out = []
    for depth in reversed(range(taps)):
        x = maps[depth]
        if out:
            x = layers.Add()([ResizeLike(dtype="float32")(out[0], x), x])
        x = mixed(x, max(MIXED[depth] // 2, 64))
        out.insert(0, layers.UpSampling2D(2, interpolation="bilinear")(x))
    model = keras.Model(images, out, name=name)
    model.trainable = False
    return model


def projected_heads(features, *, width=64, name="heads"):
    """A head per map of `projected_features`: 4x4 s2, 1x1, 4x4 to one logit, spectral norm.

    Group norm (8 groups) stands for the paper's batch norm, which needs large batches.

    Args:
        features: the model that makes the maps.
        width: filters, a multiple of 8.
        name: of the model.

    Returns:
        `keras.Model`, the list of maps to a list of logits `[B, h, w, 1]`: patches, not images.
    """

    def activated(x):
        return layers.LeakyReLU(0.2)(layers.GroupNormalization(8)(x))

    maps = [keras.Input((None, None, output.shape[-1])) for output in features.outputs]
    logits = []
    for x in maps:
        x = activated(SpectralConv2D(width, 4, strides=2, padding="same")(x))
        x = activated(SpectralConv2D(width, 1)(x))
        x = SpectralConv2D(1, 4)(x)
        logits.append(layers.Activation("linear", dtype="float32")(x))
    return keras.Model(maps, logits, name=name)
