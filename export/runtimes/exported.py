"""An exported file with the `refine` and `predict` of the Keras model it was made from."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.runtimes.opening import open_runtime
from refinezoo.models.images import checked_images


def load_exported(path: str | os.PathLike, threads: int | None = None) -> Any:
    """Opens an exported file; neither Keras nor TensorFlow's Python is imported.

    Args:
        path: `.tflite`, `.onnx`, `.xml` (OpenVINO) or a SavedModel's version folder.
        threads: CPU threads; None leaves it to the runtime.

    Returns:
        An `ExportedRefiner`, `ExportedRgbdRefiner`, `ExportedDetector`, `ExportedSegmenter`,
        `ExportedDepth`, `ExportedClassifier` or `ExportedRange`.

    Raises:
        RefinezooError: missing or foreign file, or its runtime is not installed.
    """
    runtime = open_runtime(path, threads)
    return _KINDS[runtime.info["kind"]](runtime, Path(path))


class Exported:
    """An exported file.

    Attributes:
        info: what the file says of its model.
        sizes: the sizes (height, width) it takes; (None, None) is any.
        name, weights_sha256: of the model; what a manifest records.
    """

    def __init__(self, runtime: Any, path: Path):
        self.runtime, self.path, self.info = runtime, path, runtime.info
        self.sizes = [tuple(size) for size in self.info["sizes"]]
        self.name, self.weights_sha256 = self.info["name"], self.info["weights_sha256"]
        self.class_names = list(self.info["class_names"])

    def get_config(self) -> dict[str, Any]:
        """What a manifest records beside name and weights."""
        chosen = ("format", "quantize", "precision", "class", "sizes")
        return {key: self.info[key] for key in chosen if key in self.info}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def _run_each(self, images: Any, output: str) -> tuple[list[np.ndarray], bool]:
        single, stack = np.ndim(images) == 3, checked_images(images)
        size = stack.shape[1:3]
        if size not in self.sizes and (None, None) not in self.sizes:
            listed = ", ".join(f"{height} x {width}" for height, width in self.sizes)
            raise RefinezooError(
                f"this file takes images of {listed} pixels (height x width), received "
                f"{size[0]} x {size[1]}. Export it with image_size={tuple(size)}, or use the "
                "SavedModel, which takes any size."
            )
        rows = [self.runtime.run(np.ascontiguousarray(image[None])) for image in stack]
        return [row[output][0] for row in rows], single


class ExportedRefiner(Exported):
    """A refiner without Keras."""

    def refine(self, images, strength=1.0, seed=None, batch_size=8):
        """As `Refiner.refine`, at the file's sizes.

        Args:
            images: uint8 `[B, H, W, 3]` or `[H, W, 3]`, RGB.
            strength: 0 returns the input, 1 the refined image, between them a blend.
            seed: None or 0: exported refiners draw with seed 0.
            batch_size: taken for the sake of the interface; a file runs image by image.

        Returns:
            uint8 of the same shape.
        """
        check_seed(seed)
        if not 0.0 <= strength <= 1.0:
            raise RefinezooError(f"expected strength in [0, 1], received {strength}.")
        rows, single = self._run_each(images, "refined")
        refined = np.stack(rows)
        if strength < 1.0:
            images = np.asarray(images).reshape(refined.shape)
            blend = images + strength * (refined.astype("float32") - images)
            refined = np.clip(np.rint(blend), 0, 255).astype(np.uint8)
        return refined[0] if single else refined


class ExportedRgbdRefiner(Exported):
    """A refiner of images and depth without Keras."""

    use_depth = True

    def refine_rgbd(self, images, depth_m, seed=None, batch_size=8):
        """As `PixelDA.refine_rgbd`.

        Args:
            images: uint8 `[B, H, W, 3]`, RGB.
            depth_m: float `[B, H, W, 1]`, metres, 0 = no surface.
            seed: None or 0: exported refiners draw with seed 0.
            batch_size: taken for the sake of the interface; a file runs image by image.

        Returns:
            uint8 `[B, H, W, 3]` and float32 `[B, H, W, 1]` in metres, 0 from the far plane on.
        """
        check_seed(seed)
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
        return tuple(np.concatenate([row[key] for row in rows]) for key in ("refined", "depth_m"))

    def refine(self, images, strength=1.0, seed=None, batch_size=8):
        """As every refiner; this one has `refine_rgbd` instead."""
        raise RefinezooError(
            "expected depth beside the images (this model refines RGB and depth), received "
            "images alone. Call refine_rgbd(images, depth_m)."
        )


class ExportedDepth(Exported):
    """A depth model without Keras."""

    def predict_depth(self, images):
        """uint8 `[B, H, W, 3]` or `[H, W, 3]` to float32 `[B, H, W, 1]` or `[H, W, 1]`, metres."""
        rows, single = self._run_each(images, "depth_m")
        return rows[0] if single else np.stack(rows)

    predict = predict_depth


class ExportedSegmenter(Exported):
    """A segmenter without Keras."""

    def segment(self, images, batch_size=8):
        """uint8 `[B, H, W, 3]` or `[H, W, 3]` to class ids, uint8 `[B, H, W]` or `[H, W]`."""
        rows, single = self._run_each(images, "class_ids")
        return rows[0] if single else np.stack(rows)

    predict = segment


class ExportedClassifier(Exported):
    """A classifier or pose model without Keras; images uint8 `[N, S, S, 3]` or `[S, S, 3]`."""

    def predict_probability(self, images):
        """Softmax probabilities, float32 `[N, K]` or `[K]`."""
        return self._predict(images, "probability")

    predict = predict_probability

    def predict_labels(self, images):
        """Class indices, int32 `[N]`, or one."""
        return self._predict(images, "label")

    def predict_pose(self, images):
        """`{"label", "probability", "quaternion"}` of a pose model."""
        if "quaternion" not in self.info.get("outputs", {"quaternion"}):
            raise RefinezooError("expected a pose model, received a classifier: it has no pose.")
        keys = ("label", "probability", "quaternion")
        return {key: self._predict(images, key) for key in keys}

    def _predict(self, images, output):
        rows, single = self._run_each(images, output)
        return rows[0] if single else np.stack(rows)


class ExportedRange(Exported):
    """An obstacle-range model without Keras."""

    def predict_ranges(self, images, batch_size=64):
        """uint8 `[B, H, W, 3]` or `[H, W, 3]` to metres per sector, float32 `[B, N]` or `[N]`."""
        rows, single = self._run_each(images, "ranges_m")
        return rows[0] if single else np.stack(rows)

    predict = predict_ranges


class ExportedDetector(Exported):
    """A detector without Keras."""

    def predict(self, images: Any, batch_size: int = 8) -> dict[str, np.ndarray]:
        """As `Detector.predict`: images of any size in, boxes in their pixels out.

        Args:
            images: uint8 `[B, H, W, 3]` RGB, one uint8 `[H, W, 3]`, or a list of images.
            batch_size: taken for the sake of the interface; a file runs image by image.

        Returns:
            boxes float32 `[B, keep, 4]` (x1, y1, x2, y2), scores float32 `[B, keep]` falling,
            classes int32 `[B, keep]` (-1 = padding), count int32 `[B]`.
        """
        if isinstance(images, np.ndarray) and images.ndim == 3:
            images = [images]
        rows = [self._predict(np.asarray(image)) for image in images]
        if not rows:
            raise RefinezooError("expected at least one image, received none.")
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}

    def detect(self, dataset: Any, batch_size: int = 8) -> list[dict]:
        """As `Detector.detect`."""
        from refinezoo.tasks.detection import Detector

        return Detector.detect(self, dataset, batch_size)  # type: ignore[arg-type]

    def evaluate_coco(self, dataset: Any, batch_size: int = 8) -> dict:
        """As `Detector.evaluate_coco`."""
        from refinezoo.tasks.detection import Detector

        return Detector.evaluate_coco(self, dataset, batch_size)  # type: ignore[arg-type]

    def _predict(self, image: np.ndarray) -> dict[str, np.ndarray]:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or not image.size:
            raise RefinezooError(
                "expected RGB images, uint8 [H, W, 3] in 0..255, received "
                f"{image.dtype} {list(image.shape)}."
            )
        if self.sizes == [(None, None)]:  # resizes inside, answers in pixels
            return {key: array[0] for key, array in self.runtime.run(image[None]).items()}
        height, width = image.shape[:2]
        if self.info["inputs"]["images"].get("placing") == "letterbox":
            from refinezoo.data.letterbox import letterbox, out_of_letterbox

            side = self.sizes[0][0]
            found = self.runtime.run(letterbox(image, side)[None])
            boxes = out_of_letterbox(found["boxes"][0], height, width, side)
        else:
            found = self.runtime.run(warped(image, self.sizes[0])[None])
            boxes = found["boxes"][0] * np.array([width, height, width, height], "float32")
        return {"boxes": boxes} | {key: found[key][0] for key in ("scores", "classes", "count")}


def check_seed(seed: int | None) -> None:
    """Refuses another seed than that of exported refiners."""
    if seed:
        raise RefinezooError(
            f"an exported refiner draws with seed 0, received seed={seed}. Refine with the "
            "Keras model for other draws."
        )


def warped(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """An image resized as `Detector.prepare` does: area averages to shrink, else bilinear."""
    height, width = size
    if image.shape[:2] == (height, width):
        return image
    import cv2

    shrink = image.shape[0] >= height and image.shape[1] >= width
    method = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=method)


_KINDS: dict[str, Any] = {
    "refiner": ExportedRefiner,
    "rgbd": ExportedRgbdRefiner,
    "detector": ExportedDetector,
    "segmenter": ExportedSegmenter,
    "depth": ExportedDepth,
    "classifier": ExportedClassifier,
    "pose": ExportedClassifier,
    "range": ExportedRange,
}
