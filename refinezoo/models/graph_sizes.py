"""Sizes of images inside a served graph: mirrored to a stride, warped, in a letterbox."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

GREY = 128  # of the bars of a letterbox


def mirror_to_stride(images: "tf.Tensor", stride: int, least: int) -> "tf.Tensor":
    """Mirrors `[B, H, W, C]` below and to the right up to a multiple of `stride`, at least `least`.

    The padding of `Refiner.refine`; the mirroring repeats, so that a 1 x 1 image also fits.
    """
    import tensorflow as tf

    for axis in (1, 2):
        size = images.shape[axis]
        if size is not None and size >= least and size % stride == 0:
            continue  # known to fit when traced: the edge formats need no gather
        size = tf.shape(images)[axis]
        target = (tf.maximum(size, least) + stride - 1) // stride * stride
        place = tf.range(target) % (2 * size)
        index = tf.minimum(place, 2 * size - 1 - place)
        images = tf.gather(images, index, axis=axis)
    return images


def resize_to_square(images: "tf.Tensor", side: int) -> "tf.Tensor":
    """Warps uint8 `[B, H, W, 3]` to `[B, side, side, 3]` as `Detector.prepare` does with OpenCV.

    Area averaging where both sides shrink, else bilinear; rounded to uint8 again.
    """
    import tensorflow as tf

    return tf.ensure_shape(resized(images, side, side), [None, side, side, 3])


def letterbox_to_square(images: "tf.Tensor", side: int) -> "tf.Tensor":
    """Places uint8 `[B, H, W, 3]` in a grey `[B, side, side, 3]` as `Detector.prepare` does."""
    import tensorflow as tf

    high, wide, top, left = tf.unstack(_placement(tf.shape(images)[None, 1:3], side)[0])
    inside = resized(images, high, wide)
    bars = [[0, 0], [top, side - high - top], [left, side - wide - left], [0, 0]]
    square = tf.pad(inside, bars, constant_values=GREY)
    return tf.ensure_shape(square, [None, side, side, 3])


def out_of_letterbox(boxes: "tf.Tensor", sizes: "tf.Tensor", side: int) -> "tf.Tensor":
    """Boxes `[B, N, 4]`, fractions of the square, in pixels of images of `sizes` int32 `[B, 2]`."""
    import tensorflow as tf

    place = tf.cast(_placement(sizes, side), tf.float32)[:, None]
    offset = tf.gather(place, [3, 2, 3, 2], axis=-1)
    inside = tf.gather(place, [1, 0, 1, 0], axis=-1)
    own = tf.cast(tf.gather(sizes, [1, 0, 1, 0], axis=1), tf.float32)[:, None]
    return (boxes * float(side) - offset) * (own / inside)


def _placement(sizes: "tf.Tensor", side: int) -> "tf.Tensor":
    """`refinezoo.data.letterbox.placement` of sizes int32 `[B, 2]`: height, width, top, left."""
    import tensorflow as tf

    longest = tf.reduce_max(sizes, axis=1, keepdims=True)
    inside = tf.maximum(1, (2 * sizes * side + longest) // (2 * longest))
    return tf.concat([inside, (side - inside) // 2], axis=1)


def resized(images: "tf.Tensor", high: "tf.Tensor | int", wide: "tf.Tensor | int") -> "tf.Tensor":
    """Scales uint8 `[B, H, W, 3]`: area averages where both sides shrink, else bilinear."""
    import tensorflow as tf

    shape = tf.shape(images)
    pixels = tf.cast(images, tf.float32)
    scaled = tf.cond(
        tf.logical_and(shape[1] >= high, shape[2] >= wide),
        lambda: tf.image.resize(pixels, [high, wide], method="area"),
        lambda: tf.image.resize(pixels, [high, wide], method="bilinear"),
    )
    return tf.cast(tf.clip_by_value(tf.round(scaled), 0.0, 255.0), tf.uint8)
