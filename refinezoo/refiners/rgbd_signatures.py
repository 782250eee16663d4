"""Entry points of refiners that see depth beside the image (PixelDA with `use_depth`)."""

from typing import Any

from refinezoo.models.graph_images import (
    check_depth,
    check_images,
    check_request,
    decode_depth,
    decode_image,
    in_turn,
)
from refinezoo.tasks.depth.signatures import millimetre_png


def rgbd_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """`serving_default`: encoded images and depth; `tensor`: pixels and metres; both to the same.

    `serving_default`: `image_bytes` (JPEG or PNG) and `depth_mm_bytes` (16-bit grey PNG of the same
    size, millimetres, 0 = no surface), string `[N]` each. `tensor`: `images` uint8 `[B, H, W, 3]`
    and `depth_m` float32 `[B, H, W, 1]`. Both give what `model.refine_rgbd(images, depth_m)` gives.
    """
    import tensorflow as tf

    image_spec = tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")
    depth_spec = tf.TensorSpec([None, None, None, 1], tf.float32, name="depth_m")

    @tf.function(autograph=False, input_signature=[image_spec, depth_spec])
    def refine(images, depth_m):
        inputs = model.with_depth(tf.cast(images, tf.float32) / 127.5 - 1.0, depth_m)
        refined = tf.cast(model.inference_network(inputs, training=False), tf.float32)
        pixels = tf.clip_by_value(tf.round((refined[..., :3] + 1.0) * 127.5), 0.0, 255.0)
        far = refined[..., 3:]
        metres = tf.where(far < 0.99, (far + 1.0) / 2.0 * model.max_depth, 0.0)
        return (
            tf.ensure_shape(tf.cast(pixels, tf.uint8), [None, None, None, 3]),
            tf.ensure_shape(metres, [None, None, None, 1]),
        )

    strings = [
        tf.TensorSpec([None], tf.string, name=name) for name in ("image_bytes", "depth_mm_bytes")
    ]

    @tf.function(autograph=False, input_signature=strings)
    def serving_default(image_bytes, depth_mm_bytes):
        def one(encoded):
            image = decode_image(encoded[0], max_image_pixels)[None]
            depth_m = decode_depth(encoded[1], max_image_pixels)[None]
            depth_m = check_depth(depth_m, image)
            pixels, metres = in_turn(lambda image: refine(image, depth_m), image)
            return tf.io.encode_png(pixels[0], compression=1), millimetre_png(metres[0])

        check = tf.debugging.Assert(
            tf.size(image_bytes) == tf.size(depth_mm_bytes),
            [
                "expected as many depth maps as images, received images, depth maps:",
                tf.size(image_bytes),
                tf.size(depth_mm_bytes),
            ],
        )
        with tf.control_dependencies([check]):
            pairs = (check_request(image_bytes, max_image_pixels), depth_mm_bytes)
        pixels, metres = tf.map_fn(
            one, pairs, fn_output_signature=(tf.string, tf.string), parallel_iterations=1
        )
        return {
            "image_bytes": tf.ensure_shape(pixels, [None]),
            "depth_mm_bytes": tf.ensure_shape(metres, [None]),
        }

    @tf.function(autograph=False, input_signature=[image_spec, depth_spec])
    def tensor(images, depth_m):
        images = check_images(images, max_image_pixels)
        depth_m = check_depth(depth_m, images)
        pixels, metres = in_turn(lambda images: refine(images, depth_m), images)
        return {"images": pixels, "depth_m": metres}

    return {"serving_default": serving_default, "tensor": tensor}
