"""The entry points of a servable: what a TF Serving client may call, per kind of model."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from refinezoo.errors import RefinezooError

from .graph_images import (
    check_count,
    check_images,
    decode_image,
    letterbox_to_square,
    mirror_to_stride,
    out_of_letterbox,
    resize_to_square,
)

if TYPE_CHECKING:
    import tensorflow as tf

_LEAST_STRIDES = 4  # as Refiner.refine: room for reflection padding at the lowest scale


def kind_of(model: Any) -> str:
    """What a model can do.

    `"refiner"`, `"rgbd"` (a refiner of images and depth), `"detector"`, `"segmenter"`, `"depth"`,
    `"pose"`, `"classifier"` or `"range"`.
    """
    if hasattr(model, "refine"):
        return "rgbd" if getattr(model, "use_depth", False) else "refiner"
    if hasattr(model, "class_names") and hasattr(model, "decode"):
        return "detector"
    if hasattr(model, "segmentation_model"):
        return "segmenter"
    if hasattr(model, "depth_inference"):
        return "depth"
    if hasattr(model, "predict_probability"):
        return "pose" if model.quaternion else "classifier"
    if hasattr(model, "predict_ranges"):
        return "range"
    raise RefinezooError(
        "expected a refiner (with refine), a detector (with class_names and decode), a segmenter "
        "(with segmentation_model), a depth model (with depth_inference), a classifier (with "
        "predict_probability) or an obstacle-range model (with predict_ranges), received "
        f"{type(model).__name__}."
    )


def refiner_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """`serving_default`: encoded images to PNG bytes; `tensor`: uint8 `[B, H, W, 3]` to the same.

    Both give the pixels of `model.refine(images)`. In `serving_default` every image runs alone,
    so one request may mix sizes and its memory is that of its largest image.
    """
    import tensorflow as tf

    # A function of its own: traced once, stored once, called by both signatures.
    refine = tf.function(
        refine_function(model), autograph=False, input_signature=[_batch_of_images()]
    )

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")]
    )
    def serving_default(image_bytes):
        def one(encoded):
            image = decode_image(encoded, max_image_pixels)
            return tf.io.encode_png(refine(image[None])[0], compression=1)

        refined = tf.map_fn(one, image_bytes, fn_output_signature=tf.string, parallel_iterations=1)
        return {"image_bytes": tf.ensure_shape(refined, [None])}

    @tf.function(autograph=False, input_signature=[_batch_of_images()])
    def tensor(images):
        return {"images": refine(check_images(images, max_image_pixels))}

    return {"serving_default": serving_default, "tensor": tensor}


def detector_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """`serving_default`: encoded images, `tensor`: uint8 `[B, H, W, 3]`; both to detections.

    Outputs as `model.predict`: `boxes` float32 `[B, keep, 4]` (x1, y1, x2, y2) in pixels of the
    image sent, `scores` float32 `[B, keep]` falling, `classes` int32 `[B, keep]` (-1 = padding),
    `count` int32 `[B]`.
    """
    import tensorflow as tf

    from refinezoo.tasks.detection.detector import Detector

    for name in ("prepare", "restore"):
        if getattr(type(model), name, None) is not getattr(Detector, name):
            raise RefinezooError(
                f"expected a detector that warps or letterboxes images, received "
                f"{type(model).__name__} with a {name} of its own, which has no twin in the graph. "
                "Write one in refinezoo/export/signatures.py."
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
        return detect(images, sizes)

    @tf.function(autograph=False, input_signature=[_batch_of_images()])
    def tensor(images):
        images = check_images(images, max_image_pixels)
        shape = tf.shape(images)
        sizes = tf.tile(shape[None, 1:3], [shape[0], 1])
        return detect(place(images, side), sizes)

    return {"serving_default": serving_default, "tensor": tensor}


def info_signature(info: dict[str, Any]) -> Any:
    """`model_info`: `request`, string `[N]` of any content, to the same JSON string N times.

    The input is there because TF Serving's REST interface refuses signatures without one.
    """
    import tensorflow as tf

    text = json.dumps(info, ensure_ascii=False)

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="request")]
    )
    def model_info(request):
        return {"model_info": tf.ensure_shape(tf.fill(tf.shape(request), text), [None])}

    return model_info


def _batch_of_images() -> "tf.TensorSpec":
    import tensorflow as tf

    return tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")


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
