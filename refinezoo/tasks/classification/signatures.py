"""Entry points of models that answer with the class of an image, and the pose of its object."""

from typing import Any

from refinezoo.models.graph_images import check_count, check_images, decode_image, in_turn
from refinezoo.models.graph_sizes import resize_to_square


def label_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """`serving_default`: encoded images, `tensor`: uint8 `[B, H, W, 3]`; both to classes.

    `label` int32 `[B]`, index into `class_names`; `probability` float32 `[B, K]`; of a pose model
    also `quaternion` float32 `[B, 4]`, (w, x, y, z). Images of another size than the model's are
    warped to it.
    """
    import tensorflow as tf

    side = int(model.image_size)
    most = max(1, max_image_pixels // side**2)
    spec = tf.TensorSpec([None, side, side, 3], tf.uint8, name="images")

    predict = tf.function(label_answers(model), autograph=False, input_signature=[spec])

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")]
    )
    def serving_default(image_bytes):
        def one(encoded):
            return resize_to_square(decode_image(encoded, max_image_pixels)[None], side)[0]

        checked = check_count(image_bytes, most)
        spec = tf.TensorSpec([side, side, 3], tf.uint8)
        images = tf.map_fn(one, checked, fn_output_signature=spec, parallel_iterations=1)
        return in_turn(predict, images)

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")],
    )
    def tensor(images):
        checked = check_images(images, max_image_pixels, most)
        return in_turn(predict, resize_to_square(checked, side))

    return {"serving_default": serving_default, "tensor": tensor}


def label_answers(model: Any) -> Any:
    """A function from `[B, side, side, 3]` to the model's answers, named as in the signatures."""
    import tensorflow as tf

    def predict(images):
        answers = model.network(tf.cast(images, tf.float32), training=False)
        probability = tf.nn.softmax(tf.cast(answers["label"], tf.float32))
        found = {
            "label": tf.argmax(probability, axis=-1, output_type=tf.int32),
            "probability": probability,
        }
        if model.quaternion:
            found["quaternion"] = tf.cast(answers["quaternion"], tf.float32)
        return found

    return predict
