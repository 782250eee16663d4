"""Image handling inside a served graph: checked decoding, one image in turn after the other.

Every refusal is an InvalidArgument error of that one request; nothing is decoded before the size
written in the file's header passed the limit.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_JPEG_MAGIC = b"\xff\xd8\xff"
_PNG_HEADER_BYTES = 24  # magic, IHDR length and name, width, height
MM_PER_METRE = 1000.0
_LARGE_PIXELS = 512 * 512
_NO_IMAGE = "expected the bytes of a JPEG or PNG image"


def batch_of_images() -> "tf.TensorSpec":
    """The spec of `images`, uint8 `[B, H, W, 3]`."""
    import tensorflow as tf

    return tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")


def decode_image(image_bytes: "tf.Tensor", max_image_pixels: int) -> "tf.Tensor":
    """Decodes one JPEG or PNG of any size: grey and palette become RGB, alpha is dropped.

    Args:
        image_bytes: string scalar.
        max_image_pixels: height x width allowed, compared with the header before decoding.

    Returns:
        uint8 `[H, W, 3]`, RGB. EXIF orientation is not applied, 16-bit PNGs lose their low byte.
    """
    import tensorflow as tf

    height, width = _header_size(image_bytes)
    with tf.control_dependencies([_check_size(height, width, max_image_pixels)]):
        image_bytes = tf.identity(image_bytes)
    image = tf.cond(
        _starts_with(image_bytes, _PNG_MAGIC),
        lambda: tf.io.decode_png(image_bytes, channels=3),
        # The accurate transform is what OpenCV and Pillow use: equal pixels on both sides.
        lambda: tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE"),
    )
    image.set_shape([None, None, 3])
    return image


def check_request(image_bytes: "tf.Tensor", max_image_pixels: int) -> "tf.Tensor":
    """Refuses encoded images, string `[N]`, whose headers promise too many pixels in all."""
    import tensorflow as tf

    def pixels_of(encoded: "tf.Tensor") -> "tf.Tensor":
        height, width = _header_size(encoded)
        with tf.control_dependencies([_check_size(height, width, max_image_pixels)]):
            return height * width

    each = tf.map_fn(pixels_of, image_bytes, fn_output_signature=tf.int64, parallel_iterations=1)
    pixels = tf.reduce_sum(each)
    check = tf.debugging.Assert(
        pixels <= max_image_pixels,
        [f"expected at most {max_image_pixels} pixels in one request, received", pixels],
    )
    with tf.control_dependencies([check]):
        return tf.identity(image_bytes)


def in_turn(answer: Callable[["tf.Tensor"], Any], images: "tf.Tensor") -> Any:
    """`answer(images)`, where large requests wait for each other.

    A server runs many requests at once, and a network's memory grows with their pixels. Those of
    more than 512 x 512 run one at a time in each loaded model, so that a few small files, which
    decode to large images, do not add up.

    Args:
        answer: from images `[B, H, W, C]` to tensors.
        images: of any number and size.
    """
    import tensorflow as tf

    def alone() -> Any:
        mutex = tf.raw_ops.MutexV2(container="", shared_name="refinezoo_large_requests")
        lock = tf.raw_ops.MutexLock(mutex=mutex)
        with tf.control_dependencies([lock]):
            answers = answer(tf.identity(images))
        with tf.control_dependencies(tf.nest.flatten(answers)):
            release = tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
        with tf.control_dependencies([release]):
            return tf.nest.map_structure(tf.identity, answers)

    pixels = tf.reduce_prod(tf.shape(images, out_type=tf.int64)[:3])
    return tf.cond(pixels > _LARGE_PIXELS, alone, lambda: answer(images))


def check_images(
    images: "tf.Tensor", max_image_pixels: int, most: int | None = None
) -> "tf.Tensor":
    """Refuses uint8 `[B, H, W, 3]` without pixels, with more than the limit in all, or B > most."""
    import tensorflow as tf

    batch, height, width, _ = tf.unstack(tf.shape(images, out_type=tf.int64))
    checks = [_check_size(batch * height, width, max_image_pixels)]
    if most is not None:
        checks.append(_check_count(batch, most))
    with tf.control_dependencies(checks):
        return tf.identity(images)


def decode_depth(depth_mm_bytes: "tf.Tensor", max_image_pixels: int) -> "tf.Tensor":
    """Decodes one 16-bit grey PNG in millimetres, string scalar, to float32 `[H, W, 1]`, metres."""
    import tensorflow as tf

    expected = "expected depth_mm_bytes as a 16-bit grey PNG in millimetres, received"
    size = tf.strings.length(depth_mm_bytes)
    is_png = tf.logical_and(_starts_with(depth_mm_bytes, _PNG_MAGIC), size > _PNG_HEADER_BYTES + 1)
    check = tf.debugging.Assert(is_png, [f"{expected} other content; bytes:", size])
    with tf.control_dependencies([check]):
        depth_mm_bytes = tf.identity(depth_mm_bytes)
    kind = tf.io.decode_raw(tf.strings.substr(depth_mm_bytes, _PNG_HEADER_BYTES, 2), tf.uint8)
    checks = [
        tf.debugging.Assert(
            tf.reduce_all(kind == tf.constant([16, 0], tf.uint8)),
            [f"{expected} a PNG of bits, colour type:", kind],
        ),
        _check_size(*_png_size(depth_mm_bytes), max_image_pixels),
    ]
    with tf.control_dependencies(checks):
        depth = tf.io.decode_png(tf.identity(depth_mm_bytes), channels=1, dtype=tf.uint16)
    depth.set_shape([None, None, 1])
    # In float64: TensorFlow multiplies by 1 / 1000 instead, and a last bit may change the noise,
    # which is drawn from a hash of the image.
    return tf.cast(tf.cast(depth, tf.float64) / MM_PER_METRE, tf.float32)


def check_depth(depth_m: "tf.Tensor", images: "tf.Tensor") -> "tf.Tensor":
    """Refuses `[B, H, W, 1]` of another size than the images, negative, NaN or infinite."""
    import tensorflow as tf

    sizes = tf.shape(depth_m)[:3], tf.shape(images)[:3]
    checks = [
        tf.debugging.Assert(
            tf.reduce_all(sizes[0] == sizes[1]),
            ["expected depth of the images' number and size, received depth, images:", *sizes],
        ),
        tf.debugging.Assert(
            tf.reduce_all(tf.logical_and(depth_m >= 0.0, tf.math.is_finite(depth_m))),
            ["expected depth in metres, 0 = no surface, received negative or infinite values"],
        ),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(depth_m)


def check_count(image_bytes: "tf.Tensor", most: int) -> "tf.Tensor":
    """Refuses requests of more than `most` images, which would be decoded into one batch."""
    import tensorflow as tf

    with tf.control_dependencies([_check_count(tf.size(image_bytes), most)]):
        return tf.identity(image_bytes)


def _check_count(count: "tf.Tensor", most: int) -> "tf.Operation":
    import tensorflow as tf

    return tf.debugging.Assert(
        count <= most, [f"expected at most {most} images in one request, received", count]
    )


def _header_size(image_bytes: "tf.Tensor") -> tuple["tf.Tensor", "tf.Tensor"]:
    """Height and width that the header of a JPEG or PNG says, int64 scalars."""
    import tensorflow as tf

    size = tf.strings.length(image_bytes)
    check = tf.debugging.Assert(size > 0, [f"{_NO_IMAGE}, received zero bytes."])
    with tf.control_dependencies([check]):
        image_bytes = tf.identity(image_bytes)
    is_png = _starts_with(image_bytes, _PNG_MAGIC)
    is_jpeg = _starts_with(image_bytes, _JPEG_MAGIC)
    check = tf.debugging.Assert(
        tf.logical_or(is_jpeg, tf.logical_and(is_png, size > _PNG_HEADER_BYTES)),
        [f"{_NO_IMAGE}, received other or truncated content; bytes:", size],
    )
    with tf.control_dependencies([check]):
        image_bytes = tf.identity(image_bytes)
    return tf.cond(is_png, lambda: _png_size(image_bytes), lambda: _jpeg_size(image_bytes))


def _check_size(height: "tf.Tensor", width: "tf.Tensor", max_image_pixels: int) -> "tf.Operation":
    import tensorflow as tf

    pixels = height * width
    return tf.debugging.Assert(
        tf.logical_and(pixels > 0, pixels <= max_image_pixels),
        [f"expected 1 to {max_image_pixels} pixels, received rows, columns:", height, width],
    )


def _starts_with(image_bytes: "tf.Tensor", magic: bytes) -> "tf.Tensor":
    import tensorflow as tf

    size = tf.minimum(tf.strings.length(image_bytes), len(magic))
    return tf.equal(tf.strings.substr(image_bytes, 0, size), magic)


def _jpeg_size(image_bytes: "tf.Tensor") -> tuple["tf.Tensor", "tf.Tensor"]:
    import tensorflow as tf

    shape = tf.io.extract_jpeg_shape(image_bytes, output_type=tf.int32)
    return tf.cast(shape[0], tf.int64), tf.cast(shape[1], tf.int64)


def _png_size(image_bytes: "tf.Tensor") -> tuple["tf.Tensor", "tf.Tensor"]:
    import tensorflow as tf

    header = tf.io.decode_raw(tf.strings.substr(image_bytes, 16, 8), tf.uint8)
    header = tf.cast(header, tf.int64)
    powers = tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
    width = tf.reduce_sum(header[:4] * powers)
    return tf.reduce_sum(header[4:8] * powers), width
