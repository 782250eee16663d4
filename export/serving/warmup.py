"""Requests that TF Serving replays when it loads a model, so that no client waits for the first.

TF Serving reads them from `assets.extra/tf_serving_warmup_requests`: `PredictionLog` records, at
most 1,000 of them (its saved_model_warmup.md).
"""

import importlib.util
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.serving.png import encode_png
from refinezoo.export.serving.wire import predict_request

if TYPE_CHECKING:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_REQUESTS = 1000
_TENSOR_SIDE = 64  # pixels; the tensor request warms the graph, its size does not matter


def can_write_warmup() -> bool:
    """Whether tensorflow-serving-api, whose records these are, is installed."""
    return importlib.util.find_spec("tensorflow_serving") is not None


def write_warmup(
    folder: str | os.PathLike,
    name: str,
    images: Sequence[str | os.PathLike],
    max_image_pixels: int,
    *,
    depth: bool = False,
) -> Path:
    """Writes warm-up requests into a SavedModel's version folder.

    Args:
        folder: the version folder, or the one it is being written to.
        name: the model's name.
        images: image files. Each becomes a `serving_default` request, and a part of the first
            one a `tensor` request. JPEG and PNG are sent as they are.
        max_image_pixels: what the model accepts. Larger images are shrunk to it: a model whose
            warm-up fails is not loaded by TF Serving.
        depth: send a flat depth map, 1 m, with each.

    Returns:
        The file.

    Raises:
        RefinezooError: no or too many images, one that cannot be read, or no
            tensorflow-serving-api.
    """
    if not can_write_warmup():
        raise RefinezooError(
            "expected tensorflow-serving-api to write warm-up requests with. "
            "Install it with: pip install 'refinezoo[serving]'"
        )
    if not 0 < len(images) < MAX_REQUESTS:
        raise RefinezooError(
            f"expected 1 to {MAX_REQUESTS - 1} images to warm up with, received {len(images)}."
        )
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    path = Path(folder) / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in _requests(name, images, max_image_pixels, depth):
            log = PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())
    return path


def read_warmup(folder: str | os.PathLike) -> list["PredictRequest"]:
    """The requests of a version folder, in their order; none where there is no file."""
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    path = Path(folder) / WARMUP_FILE
    if not path.is_file():
        return []
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    return [PredictionLog.FromString(record).predict_log.request for record in records]


def _requests(
    name: str, images: Sequence[str | os.PathLike], max_image_pixels: int, depth: bool
) -> Iterator["PredictRequest"]:
    from refinezoo.data import read_image

    for path in images:
        content = _encoded(Path(path), read_image(path), max_image_pixels)
        inputs = {"image_bytes": [content]}
        if depth:
            flat = np.full(_decoded_size(content), 1000, np.uint16)
            inputs["depth_mm_bytes"] = [cv2.imencode(".png", flat)[1].tobytes()]
        yield predict_request(name, "serving_default", inputs)
    side = min(_TENSOR_SIDE, math.isqrt(max_image_pixels))
    pixels = np.ascontiguousarray(read_image(images[0])[None, :side, :side])
    flat_m = {"depth_m": np.ones((*pixels.shape[:3], 1), np.float32)} if depth else {}
    yield predict_request(name, "tensor", {"images": pixels, **flat_m})


def _decoded_size(content: bytes) -> tuple[int, int]:
    # As it is stored: the servable does not turn images by their EXIF orientation.
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if image is None:
        raise RefinezooError("expected an image that OpenCV reads, received other bytes.")
    return image.shape[0], image.shape[1]


def _encoded(path: Path, pixels: np.ndarray, max_image_pixels: int) -> bytes:
    height, width = pixels.shape[:2]
    too_large = height * width > max_image_pixels
    if path.suffix.lower() in (".jpg", ".jpeg", ".png") and not too_large:
        return path.read_bytes()
    if too_large:
        scale = math.sqrt(max_image_pixels / (height * width))
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return encode_png(pixels)
