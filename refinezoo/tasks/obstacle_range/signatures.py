"""Entry points of models that answer with the range of the nearest obstacle per heading sector."""

from typing import Any

from refinezoo.models.graph_images import check_count, check_images, decode_image, in_turn
from refinezoo.models.graph_sizes import resized


def range_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """`serving_default`: encoded frames, `tensor`: uint8 `[B, H, W, 3]`; both to `ranges_m`.

    `ranges_m` is float32 `[B, N]`, metres, sectors from left to right, as `model.predict_ranges`
    gives. Frames of another size are scaled to the model's; their field of view must be that of
    its training.
    """
    import tensorflow as tf

    height, width = model.image_size
    most = max(1, max_image_pixels // (height * width))
    spec = tf.TensorSpec([None, height, width, 3], tf.uint8, name="images")
    predict = tf.function(range_answers(model), autograph=False, input_signature=[spec])

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")]
    )
    def serving_default(image_bytes):
        def one(encoded):
            frame = decode_image(encoded, max_image_pixels)
            return tf.ensure_shape(resized(frame[None], height, width)[0], [height, width, 3])

        checked = check_count(image_bytes, most)
        spec = tf.TensorSpec([height, width, 3], tf.uint8)
        frames = tf.map_fn(one, checked, fn_output_signature=spec, parallel_iterations=1)
        return in_turn(predict, frames)

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")],
    )
    def tensor(images):
        frames = resized(check_images(images, max_image_pixels, most), height, width)
        return in_turn(predict, tf.ensure_shape(frames, [None, height, width, 3]))

    return {"serving_default": serving_default, "tensor": tensor}


def range_answers(model: Any) -> Any:
    """A function from `[B, H, W, 3]` to `ranges_m`, metres `[B, N]`."""
    import tensorflow as tf

    from refinezoo.losses.obstacle_range import LEAST_RANGE_M

    def predict(images):
        log_ranges = model.network(tf.cast(images, tf.float32), training=False)
        metres = tf.exp(tf.cast(log_ranges, tf.float32))
        return {"ranges_m": tf.clip_by_value(metres, LEAST_RANGE_M, model.r_max)}

    return predict
