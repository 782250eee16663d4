"""One network over several sizes of its image, fused by the maximum."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from refinezoo.layers.resizing import ResizeLike, ScaleImages, resize_bilinear


@keras.saving.register_keras_serializable("refinezoo")
class ClassIds(layers.Layer):
    """Logits `[B, h, w, K]`, enlarged to their image `[B, H, W, 3]`, to uint8 `[B, H, W]`."""

    def call(self, logits, images):
        scores = resize_bilinear(logits, ops.shape(images)[1:3])
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # Keras' argmax tells -0.0 from 0.0 by bits, which LiteRT's builtins cannot.
            return tf.cast(tf.argmax(scores, axis=-1, output_type=tf.int32), tf.uint8)
        return ops.cast(ops.argmax(scores, axis=-1), "uint8")

    def compute_output_spec(self, logits, images):
        return keras.KerasTensor(images.shape[:3], dtype="uint8")


def multi_scale_network(network: keras.Model, scales: Sequence[float]) -> keras.Model:
    """The maps of which DeepLab-v2 sums the losses.

    Args:
        network: images [B, H, W, 3] to logits [B, h, w, K].
        scales: of the image, the first 1.

    Returns:
        keras.Model from [B, H, W, 3] to a list of float32 logits: of each scale at its own size,
        and last the pixel-wise maximum of all at the size of the first. Of one scale alone it is
        that map, which is fused already.
    """
    images = keras.Input((None, None, 3), name="images")
    maps = [network(images)]
    for scale in scales[1:]:
        name = f"scale_{scale}".replace(".", "_")
        maps.append(network(ScaleImages(scale, name=name, dtype="float32")(images)))
    if len(maps) > 1:
        same = [maps[0], *(ResizeLike(dtype="float32")(each, maps[0]) for each in maps[1:])]
        maps.append(layers.Maximum(name="fused", dtype="float32")(same))
    return keras.Model(images, maps, name="multi_scale")


def class_id_network(network: keras.Model) -> keras.Model:
    """The last map of a `multi_scale_network` as class ids: [B, H, W, 3] to uint8 [B, H, W]."""
    images = keras.Input((None, None, 3), name="images")
    ids = ClassIds(name="class_ids", dtype="float32")(
        keras.tree.flatten(network(images))[-1], images
    )
    model = keras.Model(images, ids, name="segment")
    if keras.backend.backend() == "tensorflow":
        model.jit_compile = False  # XLA would compile every image size anew.
    return model


def probabilities(network: keras.Model, images: np.ndarray, batch_size: int) -> np.ndarray:
    """The softmax of the last map of a `multi_scale_network`: [B, H, W, 3] to [B, H, W, K]."""
    found = []
    for start in range(0, len(images), batch_size):
        maps = network.predict_on_batch(images[start : start + batch_size])
        scores = resize_bilinear(keras.tree.flatten(maps)[-1], images.shape[1:3])
        found.append(ops.convert_to_numpy(ops.softmax(scores)))
    return np.concatenate(found)
