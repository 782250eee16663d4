"""Entry points of models that answer with a map of the image's size."""

from typing import Any

from refinezoo.models.graph_images import (
    MM_PER_METRE,
    check_images,
    check_request,
    decode_image,
    in_turn,
)
from refinezoo.models.graph_sizes import mirror_to_stride

_FARTHEST_MM = 65535.0  # what 16 bits hold


def millimetre_png(metres: Any) -> Any:
    """float32 `[H, W, 1]`, metres, as a 16-bit grey PNG in millimetres, string scalar."""
    import tensorflow as tf

    millimetres = tf.clip_by_value(tf.round(metres * MM_PER_METRE), 0.0, _FARTHEST_MM)
    return tf.io.encode_png(tf.cast(millimetres, tf.uint16), compression=1)


def depth_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """`serving_default`: encoded images to `depth_mm_bytes`; `tensor`: to `depth_m`.

    `depth_mm_bytes` are 16-bit grey PNGs in millimetres, each of its image's size, farther than
    65.535 m as that; `depth_m` is float32 `[B, H, W, 1]`, metres. Both give what
    `model.predict_depth(images)` gives.
    """
    import tensorflow as tf

    batch = tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")
    predict_depth = tf.function(depth_function(model), autograph=False, input_signature=[batch])

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")]
    )
    def serving_default(image_bytes):
        def one(encoded):
            image = decode_image(encoded, max_image_pixels)
            return millimetre_png(in_turn(predict_depth, image[None])[0])

        checked = check_request(image_bytes, max_image_pixels)
        maps = tf.map_fn(one, checked, fn_output_signature=tf.string, parallel_iterations=1)
        return {"depth_mm_bytes": tf.ensure_shape(maps, [None])}

    @tf.function(autograph=False, input_signature=[batch])
    def tensor(images):
        return {"depth_m": in_turn(predict_depth, check_images(images, max_image_pixels))}

    return {"serving_default": serving_default, "tensor": tensor}


def depth_function(model: Any) -> Any:
    """A function from uint8 `[B, H, W, 3]` to metres, float32 `[B, H, W, 1]`."""
    import tensorflow as tf

    from refinezoo.networks.depth_unet import LEAST, STRIDE

    network = model.depth_inference

    def predict_depth(images):
        shape = tf.shape(images)
        padded = mirror_to_stride(images, STRIDE, LEAST)
        metres = network(tf.cast(padded, tf.float32) / 127.5 - 1.0, training=False)
        metres = tf.cast(metres, tf.float32)[:, : shape[1], : shape[2]]
        return tf.ensure_shape(metres, [*images.shape[:3], 1])

    return predict_depth
