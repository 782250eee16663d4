"""Entry points of models that answer with an image of the same size."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from refinezoo.models.graph_images import (
    batch_of_images,
    check_images,
    check_request,
    decode_image,
    in_turn,
)
from refinezoo.models.graph_sizes import mirror_to_stride

if TYPE_CHECKING:
    import tensorflow as tf

_LEAST_STRIDES = 4  # as Refiner.refine: room for reflection padding at the lowest scale


def refiner_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """`serving_default`: encoded images to PNG bytes; `tensor`: uint8 `[B, H, W, 3]` to the same.

    Both give the pixels of `model.refine(images)`. In `serving_default` every image runs alone,
    so one request may mix sizes and its memory is that of its largest image.
    """
    import tensorflow as tf

    # A function of its own: traced once, stored once, called by both signatures.
    refine = tf.function(
        refine_function(model), autograph=False, input_signature=[batch_of_images()]
    )

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")]
    )
    def serving_default(image_bytes):
        def one(encoded):
            image = decode_image(encoded, max_image_pixels)
            return tf.io.encode_png(in_turn(refine, image[None])[0], compression=1)

        checked = check_request(image_bytes, max_image_pixels)
        refined = tf.map_fn(one, checked, fn_output_signature=tf.string, parallel_iterations=1)
        return {"image_bytes": tf.ensure_shape(refined, [None])}

    @tf.function(autograph=False, input_signature=[batch_of_images()])
    def tensor(images):
        return {"images": in_turn(refine, check_images(images, max_image_pixels))}

    return {"serving_default": serving_default, "tensor": tensor}


def refine_function(model: Any) -> Callable[["tf.Tensor"], "tf.Tensor"]:
    """uint8 `[B, H, W, 3]` to the pixels that `model.refine` gives, with its padding."""
    import tensorflow as tf

    network = model.inference_network
    stride = int(getattr(model, "stride", 1))

    def refine(images):
        shape = tf.shape(images)
        padded = mirror_to_stride(images, stride, _LEAST_STRIDES * stride if stride > 1 else 1)
        refined = network(tf.cast(padded, tf.float32) / 127.5 - 1.0, training=False)
        refined = tf.cast(refined, tf.float32)[:, : shape[1], : shape[2]]
        refined = tf.clip_by_value(tf.round((refined + 1.0) * 127.5), 0.0, 255.0)
        return tf.ensure_shape(tf.cast(refined, tf.uint8), images.shape)

    return refine
