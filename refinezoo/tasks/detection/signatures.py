"""Entry points of models that answer with boxes."""

from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.models.graph_images import (
    batch_of_images,
    check_count,
    check_images,
    decode_image,
    in_turn,
)
from refinezoo.models.graph_sizes import letterbox_to_square, out_of_letterbox, resize_to_square


def detector_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """`serving_default`: encoded images, `tensor`: uint8 `[B, H, W, 3]`; both to detections.

    Outputs as `model.predict`: `boxes` float32 `[B, keep, 4]` (x1, y1, x2, y2) in pixels of the
    image sent, `scores` float32 `[B, keep]` falling, `classes` int32 `[B, keep]` (-1 = padding),
    `count` int32 `[B]`.
    """
    import tensorflow as tf

    for name in model.own_placing:
        raise RefinezooError(
            f"expected a detector that warps or letterboxes images, received "
            f"{type(model).__name__} with a {name} of its own, which has no twin in the graph. "
            "Write one in refinezoo/tasks/detection/signatures.py."
        )
    side = int(model.image_size)
    most = max(1, max_image_pixels // side**2)
    place = letterbox_to_square if model.letterbox else resize_to_square

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, side, side, 3], tf.uint8, name="images"),
            tf.TensorSpec([None, 2], tf.int32, name="sizes"),
        ],
    )
    def detect(images, sizes):
        raw = model.network(tf.cast(images, tf.float32), training=False)
        boxes, scores, classes, count = model.decode(raw)
        corner = tf.cast(tf.gather(sizes, [1, 0, 1, 0], axis=1), tf.float32)[:, None, :]
        boxes = tf.cast(boxes, tf.float32)
        boxes = out_of_letterbox(boxes, sizes, side) if model.letterbox else boxes * corner
        return {
            "boxes": tf.clip_by_value(boxes, 0.0, corner),
            "scores": tf.cast(scores, tf.float32),
            "classes": tf.cast(classes, tf.int32),
            "count": tf.cast(count, tf.int32),
        }

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")]
    )
    def serving_default(image_bytes):
        def one(encoded):
            image = decode_image(encoded, max_image_pixels)
            return place(image[None], side)[0], tf.shape(image)[:2]

        specs = (tf.TensorSpec([side, side, 3], tf.uint8), tf.TensorSpec([2], tf.int32))
        images, sizes = tf.map_fn(
            one, check_count(image_bytes, most), fn_output_signature=specs, parallel_iterations=1
        )
        return in_turn(lambda images: detect(images, sizes), images)

    @tf.function(autograph=False, input_signature=[batch_of_images()])
    def tensor(images):
        images = check_images(images, max_image_pixels, most)
        shape = tf.shape(images)
        sizes = tf.tile(shape[None, 1:3], [shape[0], 1])
        return in_turn(lambda images: detect(images, sizes), place(images, side))

    return {"serving_default": serving_default, "tensor": tensor}


def detections(model: Any) -> Any:
    """A function from uint8 `[1, S, S, 3]` to detections, boxes as fractions of the square."""
    import tensorflow as tf

    def detect(images):
        raw = model.network(tf.cast(images, tf.float32), training=False)
        boxes, scores, classes, count = model.decode(raw)
        return {
            "boxes": tf.clip_by_value(tf.cast(boxes, tf.float32), 0.0, 1.0),
            "scores": tf.cast(scores, tf.float32),
            "classes": tf.cast(classes, tf.int32),
            "count": tf.cast(count, tf.int32),
        }

    return detect
