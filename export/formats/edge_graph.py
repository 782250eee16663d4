"""One image in, one answer out, at fixed sizes: what the edge formats are converted from.

LiteRT, ONNX and OpenVINO get the same graph: uint8 RGB in, padding, scaling, rounding and the
suppression of boxes inside, so that no caller has to know how a network was fed.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.export.runtimes.opening import signature_name
from refinezoo.export.signatures.graph_images import GREY, mirror_to_stride
from refinezoo.export.signatures.info import model_info
from refinezoo.export.signatures.kind import kind_of
from refinezoo.export.signatures.label import label_answers
from refinezoo.export.signatures.obstacle_range import range_answers
from refinezoo.export.signatures.refiner import refine_function
from refinezoo.export.signatures.segmentation import class_ids
from refinezoo.quiet import without_notes

Size = tuple[int | None, int | None]
_DEFAULT_SIDE = 256
_MOST = 8192


def image_sizes(model: Any, image_size: Any, *, several: bool = False) -> list[Size]:
    """The sizes (height, width) that an exported file is made for.

    Args:
        model: a model of refinezoo.
        image_size: a side, (height, width), a list of these where `several`; None is the size
            the model was trained at (256 where it has none).
        several: whether the format holds more than one size.

    Raises:
        RefinezooError: not a size, more than one where one is possible, or a detector's size
            that is not its own.
    """
    own = getattr(model, "image_size", None)
    if image_size is None:
        image_size = own or _DEFAULT_SIDE
    listed = image_size if isinstance(image_size, list) else [image_size]
    sizes = []
    for size in listed:
        pair = (size, size) if isinstance(size, int) else tuple(size)
        if len(pair) != 2 or not all(isinstance(s, int) and 0 < s <= _MOST for s in pair):
            raise RefinezooError(
                f"expected image_size as a side, (height, width) or a list of these, 1 to {_MOST} "
                f"pixels, received {image_size!r}."
            )
        if pair not in sizes:
            sizes.append(pair)
    if not sizes or (len(sizes) > 1 and not several):
        raise RefinezooError(
            f"expected one image_size for this format, received {image_size!r}. Write one file "
            "for each size, or a LiteRT file, which holds several."
        )
    kind = kind_of(model)
    seen = tuple(own) if kind == "range" else (own, own)
    if kind in ("detector", "classifier", "pose", "range") and sizes != [seen]:
        raise RefinezooError(
            f"this {kind} sees {seen[0]} x {seen[1]} pixels (images are resized to it), received "
            f"image_size={image_size!r}. Leave image_size out."
        )
    return sizes


def edge_function(model: Any, size: Size) -> Any:
    """A `tf.function` from `images`, uint8 `[1, H, W, 3]` RGB, to a dictionary.

    A refiner gives `refined`, uint8 of the same shape; a depth model `depth_m`, float32 `[1, H, W,
    1]`, metres; a segmenter `class_ids`, uint8 `[1, H, W]`; a detector `boxes`, float32 `[1, keep,
    4]` (x1, y1, x2, y2) as fractions of the image (of the square, where it is letterboxed),
    `scores` float32 and `classes` int32 `[1, keep]`, `count` int32 `[1]`; a classifier `label`
    int32 `[1]` and `probability` float32 `[1, K]`, a pose model `quaternion` float32 `[1, 4]` (w,
    x, y, z) too; an obstacle-range model `ranges_m` float32 `[1, N]`, metres, from left to right.
    """
    import tensorflow as tf

    if kind_of(model) == "rgbd":
        raise RefinezooError(
            "expected a model of RGB images, received a refiner of RGB and depth, which is "
            "exported as a SavedModel alone. Use format saved_model."
        )
    answers = {
        "refiner": _refined,
        "detector": _detections,
        "depth": _depth,
        "segmenter": _class_ids,
        "classifier": label_answers,
        "pose": label_answers,
        "range": range_answers,
    }
    answer = answers[kind_of(model)]
    spec = tf.TensorSpec([1, *size, 3], tf.uint8, name="images")
    return tf.function(answer(model), input_signature=[spec])


def edge_info(model: Any, sizes: Sequence[Size], **how: Any) -> dict[str, Any]:
    """What the file says of itself: model, weights hash, classes, sizes and value ranges."""
    info = model_info(model, _name(model), 1)
    del info["version"]
    image = {"dtype": "uint8", "shape": [1, "H", "W", 3], "range": [0, 255], "colours": "RGB"}
    keep = getattr(model, "keep", None)
    if getattr(model, "letterbox", False):
        image = {**image, "placing": "letterbox", "grey": GREY}
    label = {
        "label": {"dtype": "int32", "shape": [1]},
        "probability": {
            "dtype": "float32",
            "shape": [1, len(info["class_names"])],
            "range": [0, 1],
        },
    }
    quaternion = {"dtype": "float32", "shape": [1, 4], "range": [-1, 1], "order": "w, x, y, z"}
    outputs = {
        "classifier": label,
        "pose": {**label, "quaternion": quaternion},
        "range": {"ranges_m": {"dtype": "float32", "shape": [1, "N"], "unit": "metres"}},
        "refiner": {"refined": image},
        "depth": {"depth_m": {"dtype": "float32", "shape": [1, "H", "W", 1], "unit": "metres"}},
        "segmenter": {
            "class_ids": {
                "dtype": "uint8",
                "shape": [1, "H", "W"],
                "range": [0, len(info["class_names"]) - 1],
            }
        },
        "detector": {
            "boxes": {
                "dtype": "float32",
                "shape": [1, keep, 4],
                "range": [0, 1],
                "order": "x1, y1, x2, y2 as fractions of width and height",
            },
            "scores": {"dtype": "float32", "shape": [1, keep], "range": [0, 1]},
            "classes": {"dtype": "int32", "shape": [1, keep], "padding": -1},
            "count": {"dtype": "int32", "shape": [1]},
        },
    }[info["kind"]]
    return {
        **info,
        "sizes": [list(size) for size in sizes],
        "inputs": {"images": image},
        "outputs": outputs,
        **how,
    }


def write_edge_graph(
    model: Any, folder: str | os.PathLike, sizes: Sequence[Size], *, loops: bool = True
) -> None:
    """Writes a SavedModel with one signature a size: the converters' input, not for serving.

    Without `loops` the suppression of boxes is written out in eight rounds.
    """
    import tensorflow as tf

    from refinezoo.tasks.detection.nms import unrolled

    with nullcontext() if loops else unrolled():
        functions = {size: edge_function(model, size).get_concrete_function() for size in sizes}
    module = tf.Module()
    variables = [v for function in functions.values() for v in function.graph.variables]
    module.weights = list({id(variable): variable for variable in variables}.values())
    signatures = {signature_name(size): function for size, function in functions.items()}
    tf.saved_model.save(module, str(folder), signatures=signatures)


@contextmanager
def converting(what: str) -> Iterator[None]:
    """Holds back the notes of a converter, and words its failure."""
    with without_notes(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converters' own code
        try:
            yield
        except (RefinezooError, ImportError, OSError):
            raise
        except Exception as error:
            last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            raise RefinezooError(
                f"{what} could not convert this model: {last[0][:300]}. Nothing was written; "
                "the SavedModel format takes every model."
            ) from error


def checked_path(path: str | os.PathLike, suffix: str) -> Path:
    """The file to write, which must end in `suffix`."""
    path = Path(path)
    if path.suffix != suffix:
        raise RefinezooError(
            f"expected a file name that ends in {suffix}, received {str(path)!r}. "
            f"Use {str(path.with_suffix(suffix))!r}."
        )
    return path


def _name(model: Any) -> str:
    from refinezoo.refinement.fingerprint import model_name

    return model_name(model)


def _refined(model):
    refine = refine_function(model)
    return lambda images: {"refined": refine(images)}


def _depth(model):
    import tensorflow as tf

    from refinezoo.networks.depth_unet import LEAST, STRIDE

    def predict(images):
        height, width = images.shape[1:3]
        padded = mirror_to_stride(images, STRIDE, LEAST)
        scaled = tf.cast(padded, tf.float32) / 127.5 - 1.0
        metres = tf.cast(model.depth_inference(scaled, training=False), tf.float32)
        return {"depth_m": metres[:, :height, :width]}

    return predict


def _class_ids(model):
    segment = class_ids(model)
    return lambda images: {"class_ids": segment(images)}


def _detections(model):
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
