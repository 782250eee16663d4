"""An exported file with the `predict` of the Keras model it was made from."""

import functools
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.registry import is_own
from refinezoo.export.runtimes.opening import open_runtime
from refinezoo.models.answers import joined
from refinezoo.models.images import ImageBatches, checked_images
from refinezoo.models.registry import kind_named

_log = logging.getLogger(__name__)


def load_exported(path: str | os.PathLike, threads: int | None = None) -> Any:
    """Opens an exported file; neither Keras nor TensorFlow's Python is imported.

    A file that another process wrote is a program of its author: the log says so, once.

    Args:
        path: `.tflite`, `.onnx`, `.xml` (OpenVINO) or a SavedModel's version folder.
        threads: CPU threads; None leaves it to the runtime.

    Returns:
        An `Exported`, with the named conveniences of its kind (`refine`, `detect`, `segment`, ...).

    Raises:
        RefinezooError: missing or foreign file, or its runtime is not installed.
    """
    if not is_own(path):
        _log_once()
    return open_exported(path, threads)


def open_exported(path: str | os.PathLike, threads: int | None = None) -> Any:
    """As `load_exported`, for files that were written a moment ago."""
    runtime = open_runtime(path, threads)
    kind = kind_named(runtime.info["kind"])
    cls = type(f"Exported{kind.name.capitalize()}", (kind.conveniences, Exported), {"kind": kind})
    return cls(runtime, Path(path))


@functools.cache
def _log_once() -> None:
    _log.warning(
        "an exported file is a program: what its author wrote runs when it is opened and used. "
        "Open such files only of those whose programs you would run."
    )


class Exported:
    """An exported file.

    Attributes:
        info: what the file says of its model.
        sizes: the sizes (height, width) it takes; (None, None) is any.
        preset_name, weights_sha256: of the model; what a manifest records.
    """

    kind: Any

    def __init__(self, runtime: Any, path: Path):
        self.runtime, self.path, self.info = runtime, path, runtime.info
        self.sizes = [tuple(size) for size in self.info["sizes"]]
        self.preset_name, self.weights_sha256 = self.info["name"], self.info["weights_sha256"]
        self.class_names = list(self.info["class_names"])

    @property
    def name(self) -> str:
        """The model's name."""
        return self.preset_name

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) that it takes, the first of several; what labelled photos are scaled to.

        Raises:
            RefinezooError: the file takes any size.
        """
        if None in self.sizes[0]:
            raise RefinezooError(
                f"expected a file made for one size, received {self.path}, which takes any. "
                "Measure the preset that it was exported from, or export to LiteRT or ONNX."
            )
        return self.sizes[0]

    @property
    def ignore_id(self) -> int:
        """Of a segmenter: the mask id that does not count."""
        return int(self.info.get("ignore_id", 255))

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = 0,
        steps: int | None = None,
        seed: int = 0,
    ) -> Any:
        """As `predict` of the Keras model, at the file's sizes.

        Args:
            x: as there: images, a list of images, or batches of them; `{"images", "depth_m"}` for
                a refiner of RGB and depth.
            batch_size: taken for the sake of the interface; a file runs image by image.
            verbose: likewise.
            steps: batches to take of a data set.
            seed: 0: exported refiners draw with seed 0.

        Raises:
            RefinezooError: other images, a size that the file is not made for, another seed.
        """
        if seed:
            raise RefinezooError(
                f"an exported refiner draws with seed 0, received seed={seed}. Refine with the "
                "Keras model for other draws."
            )
        if isinstance(x, dict):
            return self._with_depth(**x)
        batches = ImageBatches(x, batch_size, steps, mixed=True)
        rows = [self.kind.run(self, image) for images in batches for image in images]
        answers = [{name: row[name] for name in self.kind.outputs} for row in rows]
        answer = joined(answers)
        return next(iter(answer.values())) if len(self.kind.outputs) == 1 else answer

    def run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """The file's raw outputs of one image of a size it takes."""
        return self.runtime.run(np.ascontiguousarray(image[None]))

    def _with_depth(self, images: Any, depth_m: Any) -> dict[str, np.ndarray]:
        images, depth_m = checked_images(images), np.asarray(depth_m, "float32")
        if depth_m.shape != (*images.shape[:3], 1):
            raise RefinezooError(
                "expected images [B, H, W, 3] and depth_m [B, H, W, 1] of one size, received "
                f"{list(images.shape)} and {list(depth_m.shape)}."
            )
        rows = [
            self.runtime.run(np.ascontiguousarray(image[None]), depth_m=depth[None])
            for image, depth in zip(images, depth_m, strict=True)
        ]
        return joined([{name: row[name] for name in self.kind.outputs} for row in rows])

    def get_config(self) -> dict[str, Any]:
        """What a manifest records beside name and weights."""
        chosen = ("format", "quantize", "precision", "class", "sizes")
        return {key: self.info[key] for key in chosen if key in self.info}

    def __reduce__(self) -> tuple[Any, ...]:
        return open_exported, (self.path,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"
