"""Writes a model as a TensorFlow SavedModel that TF Serving loads."""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.checks.photos import packaged_photos
from refinezoo.export.formats.info import checked_kind, info_signature, model_info
from refinezoo.export.formats.through_tensorflow import in_tensorflow
from refinezoo.export.registry import export_format
from refinezoo.export.runtimes.opening import INFO_NAME, MOST_INFO_BYTES, read_info, started
from refinezoo.export.runtimes.session import SavedModelSession
from refinezoo.export.serving.warmup import can_write_warmup, write_warmup
from refinezoo.files import atomic_folder

MAX_IMAGE_PIXELS = 1 << 21  # full HD fits; a refiner needs some 0.8 kB of memory for each
INFO_FILE = f"assets.extra/{INFO_NAME}"
_log = logging.getLogger(__name__)


class SavedModelRuntime:
    """A version folder in TensorFlow's C++ session loader, signature `tensor`; any size."""

    def __init__(self, path: Path, threads: int | None):
        text = None
        if (path / INFO_FILE).is_file():
            with open(path / INFO_FILE, encoding="utf-8", errors="replace") as file:
                text = file.read(MOST_INFO_BYTES)
        self.info = read_info(path, text)
        self.info |= {"format": "saved_model", "sizes": [[None, None]]}
        self._session = started(path, lambda: SavedModelSession(path, threads=threads))
        self._signature = "tensor"

    def run(self, images: np.ndarray, **more: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the signature; a refiner's answer is called `refined`, as in the other formats."""
        given = self._session.run(self._signature, images=images, **more)
        if "images" in given:
            given["refined"] = given.pop("images")
        return given


@export_format(
    opens=SavedModelRuntime,
    marker="saved_model.pb",
    runtime="TensorFlow Serving",
    verified="TensorFlow's C++ session loader, which TF Serving uses; not in TF Serving itself",
    sizes="any",
)
@in_tensorflow
def saved_model(
    model: Any,
    folder: str | os.PathLike,
    *,
    name: str | None = None,
    overwrite: bool = False,
    max_image_pixels: int = MAX_IMAGE_PIXELS,
    warmup_images: Sequence[str | os.PathLike] | None = None,
) -> Path:
    """Writes `model` as a version folder for TF Serving, weights stored once as floats.

    Signatures of a refiner: `serving_default` takes `image_bytes` (string `[N]`: JPEG or PNG, each
    of its own size) and gives `image_bytes` (PNG, same sizes); `tensor` takes `images` (uint8
    `[B, H, W, 3]`) and gives the same; of one that sees depth, both also take and give
    `depth_mm_bytes` (16-bit PNG, millimetres) or `depth_m` (float32 `[B, H, W, 1]`, metres). Of a
    detector: both give `boxes` (x1, y1, x2, y2 in pixels of the image sent), `scores`,
    `classes` and `count`. Of a depth model: `depth_mm_bytes` and `depth_m`; a refiner that also
    predicts depth has these as `depth` and `depth_tensor`. Of a segmenter: `mask_bytes` (8-bit grey
    PNG of class ids) and `class_ids` (uint8 `[B, H, W]`). Of a classifier or a pose model: `label`,
    `probability`, `quaternion`. Of an obstacle-range model: `ranges_m`.
    `model_info` gives a JSON string. Undecodable or too large images are InvalidArgument errors of
    the request. A model on the JAX backend is exported by a TensorFlow process of its own, from a
    preset.

    Args:
        model: a refiner, detector, segmenter, depth, classifier, pose or obstacle-range model.
        folder: the version folder; its last part is the version number, as TF Serving demands.
        name: the model's name in `model_info`; the folder above by default.
        overwrite: replace an existing version.
        max_image_pixels: largest height x width of one encoded image, which is refused before it
            is decoded, and largest images x height x width of `tensor`. Memory grows with it.
        warmup_images: images of which TF Serving's warm-up requests are made; three photos of
            the package by default, none if empty. Without tensorflow-serving-api
            (`pip install refinezoo[serving]`) the default writes none, and says so in the log.

    Returns:
        The version folder.

    Raises:
        RefinezooError: the folder is not a version number or exists, or the model has no way to be
            served; or warm-up images were given that cannot be read or written.
    """
    folder = Path(folder)
    if not folder.name.isdecimal():
        raise RefinezooError(
            f"expected a version folder, whose last part is a number (TF Serving loads no other), "
            f"received {str(folder)!r}. Use {str(folder / '1')!r}."
        )
    if folder.exists() and not overwrite:
        raise RefinezooError(
            f"version {str(folder)!r} exists. Write the next version number (TF Serving then "
            "moves over without a gap), or pass overwrite=True (--overwrite)."
        )
    if max_image_pixels < 1:
        raise RefinezooError(f"expected max_image_pixels >= 1, received {max_image_pixels}.")
    if warmup_images is None:
        warmup_images = packaged_photos() if can_write_warmup() else ()
        if not warmup_images:
            _log.warning("no warm-up requests: pip install 'refinezoo[serving]' to write them")
    info = model_info(model, name or folder.absolute().parent.name, int(folder.name))
    with atomic_folder(folder) as temporary:
        write_signatures(model, temporary, info, build_signatures(model, max_image_pixels))
        if len(warmup_images):
            depth = info["kind"] == "rgbd"
            write_warmup(temporary, info["name"], warmup_images, max_image_pixels, depth=depth)
    return folder


def build_signatures(model: Any, max_image_pixels: int) -> dict[str, Any]:
    """The signatures of a model as `tf.function`s, by name, without `model_info`."""
    return checked_kind(model).signatures(model, max_image_pixels)


def write_signatures(
    model: Any, folder: Path, info: dict[str, Any], functions: dict[str, Any]
) -> None:
    """Writes SavedModel and `model_info.json`; `functions` are those of `build_signatures`."""
    import tensorflow as tf

    concrete = {name: function.get_concrete_function() for name, function in functions.items()}
    variables = [
        variable for function in concrete.values() for variable in function.graph.variables
    ]
    # A module that holds only the raw variables: with the Keras model on it the weights are
    # written twice, and then the session loader may not find them.
    module = tf.Module()
    module.weights = list({id(variable): variable for variable in variables}.values())
    tf.saved_model.save(
        module,
        str(folder),
        signatures={**concrete, "model_info": info_signature(info).get_concrete_function()},
    )
    extra = folder / INFO_FILE
    extra.parent.mkdir(exist_ok=True)
    extra.write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
