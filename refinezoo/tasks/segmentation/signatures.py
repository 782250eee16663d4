"""Entry points of models that answer with the class of every pixel."""

from typing import Any

from refinezoo.models.graph_images import check_images, check_request, decode_image, in_turn


def segmentation_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """`serving_default`: encoded images to `mask_bytes`; `tensor`: to `class_ids`.

    `mask_bytes` are 8-bit grey PNGs, each of its image's size, whose values are class ids, as the
    masks are that the model was trained on (TensorFlow writes no palette). `class_ids` is uint8
    `[B, H, W]`. Both give what `model.segment(images)` gives, indices into the `class_names` of
    `model_info`.
    """
    import tensorflow as tf

    batch = tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")
    # A function of its own: traced once, stored once, called by both signatures.
    segment = tf.function(class_ids(model), autograph=False, input_signature=[batch])

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")]
    )
    def serving_default(image_bytes):
        def one(encoded):
            ids = in_turn(segment, decode_image(encoded, max_image_pixels)[None])[0]
            return tf.io.encode_png(ids[..., None], compression=1)

        checked = check_request(image_bytes, max_image_pixels)
        masks = tf.map_fn(one, checked, fn_output_signature=tf.string, parallel_iterations=1)
        return {"mask_bytes": tf.ensure_shape(masks, [None])}

    @tf.function(autograph=False, input_signature=[batch])
    def tensor(images):
        return {"class_ids": in_turn(segment, check_images(images, max_image_pixels))}

    return {"serving_default": serving_default, "tensor": tensor}


def class_ids(model: Any) -> Any:
    """A function from uint8 `[B, H, W, 3]` to the class ids, uint8 `[B, H, W]`."""
    import tensorflow as tf

    def segment(images):
        ids = model.segmentation_model(tf.cast(images, tf.float32), training=False)
        return tf.ensure_shape(ids, images.shape[:3])

    return segment
