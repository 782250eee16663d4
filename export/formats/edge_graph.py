"""One image in, one answer out, at fixed sizes: what the edge formats are converted from.

LiteRT, ONNX and OpenVINO get the same graph: uint8 RGB in, padding, scaling, rounding and the
suppression of boxes inside, so that no caller has to know how a network was fed.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from refinezoo.data.image_size import height_and_width
from refinezoo.disk import of_disk
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.export.formats.info import checked_kind, model_info
from refinezoo.export.registry import FULL
from refinezoo.models.graph_sizes import GREY
from refinezoo.quiet import without_notes
from refinezoo.renames import old_name_used

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
    seen = own and height_and_width(own)
    if seen and model.kind.own_size and sizes != [seen]:
        raise RefinezooError(
            f"this {model.kind.name} sees {seen[0]} x {seen[1]} pixels (images are resized to it), "
            f"received image_size={image_size!r}. Leave image_size out."
        )
    return sizes


def edge_function(model: Any, size: Size) -> Any:
    """A `tf.function` from `images`, uint8 `[1, H, W, 3]` RGB, to what the kind says.

    See `Kind.file_outputs`: a refiner gives `refined`, a detector `boxes` as fractions of the
    image (of the square, where it is letterboxed), and so on.
    """
    import tensorflow as tf

    if checked_kind(model).saved_model_only:
        raise RefinezooError(
            f"expected a model of RGB images, received {model.kind.saved_model_only}, which is "
            "exported as a SavedModel alone. Use format saved_model."
        )
    spec = tf.TensorSpec([1, *size, 3], tf.uint8, name="images")
    return tf.function(model.kind.graph(model), autograph=False, input_signature=[spec])


def edge_info(model: Any, sizes: Sequence[Size], **how: Any) -> dict[str, Any]:
    """What the file says of itself: model, weights hash, classes, sizes and value ranges."""
    info = model_info(model, _name(model), 1)
    del info["version"]
    image: dict[str, Any] = {
        "dtype": "uint8",
        "shape": [1, "H", "W", 3],
        "range": [0, 255],
        "colours": "RGB",
    }
    if getattr(model, "letterbox", False):
        image = {**image, "placing": "letterbox", "grey": GREY}
    return {
        **info,
        "sizes": [list(size) for size in sizes],
        "inputs": {"images": image},
        "outputs": model.kind.described(model),
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
def _without_bytecode() -> Iterator[None]:
    """AutoGraph imports what it writes from the temporary folder, where its bytecode would stay."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


@contextmanager
def converting(what: str) -> Iterator[None]:
    """Holds back the notes and the bytecode of a converter, and words its failure."""
    with without_notes(), _without_bytecode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converters' own code
        try:
            yield
        except (RefinezooError, ImportError, OSError):
            raise
        except Exception as error:
            last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            remedy = "Nothing was written; the SavedModel format takes every model."
            if of_disk(error):
                remedy = "Make room, or write to another disk; then run it again."
            raise RefinezooError(
                f"{what} could not convert this model: {last[0][:300]}. {remedy}"
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


def checked_precision(precision: str | None, precisions: Sequence[str]) -> Any:
    """A precision that the format has; what version 0.1 called `None` and `"f32"` is float32.

    Raises:
        RefinezooError: another one.
    """
    if precision in (None, "f32"):
        old_name_used(f"precision {precision!r}", repr(FULL))
        return FULL
    if precision not in precisions:
        raise RefinezooError(
            f"expected precision as one of {', '.join(precisions)}, received {precision!r}."
            + did_you_mean(str(precision), precisions)
        )
    return precision


def signature_name(size: Size) -> str:
    """The name of a LiteRT file's entry point for one size (height, width)."""
    return f"image_{size[0]}x{size[1]}"


def _name(model: Any) -> str:
    from refinezoo.refinement.fingerprint import model_name

    return model_name(model)
