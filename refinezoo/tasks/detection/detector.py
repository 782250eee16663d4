"""The one interface of every detector: COCO dataset in, boxes out, AP by COCO rules."""

import os
from abc import abstractmethod
from pathlib import Path

import keras
import numpy as np
from pydantic import PositiveInt

from refinezoo.config import Share
from refinezoo.data.image_size import side_of_square
from refinezoo.data.letterbox import letterbox, out_of_letterbox
from refinezoo.models.arguments import ClassNames
from refinezoo.models.base import Model
from refinezoo.models.images import resized
from refinezoo.renames import former_name
from refinezoo.tasks.detection.boxes import clip_boxes
from refinezoo.tasks.detection.coco import Detects
from refinezoo.tasks.detection.frozen import split_at
from refinezoo.tasks.detection.kind import DETECTOR
from refinezoo.training.start import copy_layers, opened


class Detector(Detects, Model):
    """Base class of the detectors.

    A subclass sets `self.network` (a functional model from images [B, S, S, 3] RGB in 0..255 to raw
    predictions) and implements `encode` (boxes to training targets) and `decode` (raw predictions
    to boxes, in `keras.ops` with static shapes, so that it exports). `letterbox = True` places
    images in the square with grey bars instead of warping them; `size_step` says of a network that
    takes several sizes what they are multiples of (its `encode` then takes `image_size`).

    Args:
        class_names: names of the K classes, in the order of the class indices.
        image_size: side of the square the network sees, pixels.
        score_threshold: detections with a lower score are dropped.
        nms_iou: overlap above which the weaker of two boxes of a class is dropped.
        top_k: candidates per class before suppression.
        keep: detections per image, padding included.
        **kwargs: `name`, `dtype` of `keras.Model`.
    """

    kind = DETECTOR
    mixed_sizes = True
    letterbox = False
    size_step: int | None = None

    def __init__(
        self,
        class_names: ClassNames,
        *,
        image_size: int,
        score_threshold: Share,
        nms_iou: Share,
        top_k: PositiveInt,
        keep: PositiveInt,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.class_names = list(class_names)
        self.image_size = side_of_square(image_size, type(self).__name__)
        self.score_threshold, self.nms_iou = score_threshold, nms_iou
        self.top_k, self.keep = top_k, keep

    # The contract of a subclass ------------------------------------------------------------------

    @abstractmethod
    def encode(self, boxes_xyxy: np.ndarray, labels: np.ndarray, crowd: np.ndarray) -> np.ndarray:
        """Training targets of one image; boxes float [N, 4] as fractions of the network's input."""

    @abstractmethod
    def decode(self, raw):
        """Raw predictions to (boxes xyxy as fractions of the input, scores, classes, count)."""

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """A uint8 [H, W, 3] image as the network wants it: uint8 [S, S, 3], warped as SSD does."""
        size = self.image_size
        if self.letterbox:
            return letterbox(image, size)
        return resized(image, size, size)

    def restore(self, boxes_xyxy: np.ndarray, height: int, width: int) -> np.ndarray:
        """Boxes as fractions of the network's input, in pixels of the image that `prepare` saw."""
        if self.letterbox:
            return out_of_letterbox(boxes_xyxy, height, width, self.image_size)
        scale = np.array([width, height, width, height], "float32")
        return clip_boxes(boxes_xyxy * scale, height, width)

    @property
    def own_placing(self) -> list[str]:
        """Those of `prepare` and `restore` that a subclass changed: no graph has a twin of them."""
        cls = type(self)
        changed = {
            "prepare": cls.prepare is not Detector.prepare,
            "restore": cls.restore is not Detector.restore,
        }
        return [name for name, is_changed in changed.items() if is_changed]

    def start_from(self, source: "Detector | str | os.PathLike | keras.Model") -> int:
        """Takes over what another model has learnt.

        Args:
            source: a detector of this architecture, of any classes and image size: layers of the
                same name and shapes are copied, the class scores are not, unless the classes are
                the same. Or what shares only the backbone, as `"efficientnet_lite0_imagenet"`.
                A model, a preset folder or a name of the zoo.

        Returns:
            The number of layers copied.

        Raises:
            RefinezooError: no layer fits.
        """
        source = opened(source)
        same_classes = self.class_names == getattr(source, "class_names", None)
        return copy_layers(
            self.network, source, lambda name: same_classes or not name.endswith("_scores")
        )

    def split_at(self, layer: str) -> tuple[keras.Model, keras.Model]:
        """The network up to a named layer, and the rest, to compile with this detector's `loss`.

        Both share the network's layers; see `frozen`, and there for the errors.
        """
        return split_at(self.network, layer)

    # The interface -------------------------------------------------------------------------------

    @property
    def inference_network(self) -> keras.Model:
        """The functional model whose weights a preset ships."""
        return self.network

    def build(self, input_shape=None) -> None:
        """The functional network is built already."""
        self.built = True

    def call(self, images, training=None):
        """Images [B, S, S, 3] RGB in 0..255 to the network's raw predictions."""
        return self.network(images, training=training)

    @property
    def detection_model(self) -> keras.Model:
        """Images [B, S, S, 3] in 0..255 to boxes (fractions), scores, classes, count.

        A functional model over the same weights with the post-processing inside; this is what an
        export traces.
        """
        if getattr(self, "_detection_model", None) is None:
            images = keras.Input((self.image_size, self.image_size, 3), name="images")
            found = _Decode(self.decode, self.keep, name="decode", dtype="float32")(
                self.network(images, training=False)
            )
            model = keras.Model(images, found, name=f"{self.name}_detections")
            if keras.backend.backend() == "tensorflow":
                model.jit_compile = False  # XLA takes longer to compile this than to gain from it.
            # Not tracked: it shares this model's weights and must not appear in its checkpoints.
            object.__setattr__(self, "_detection_model", model)
        return self._detection_model

    def predict(self, x, *args, **kwargs):
        """As every model; no images, a folder without any say, have no detections."""
        if isinstance(x, (list, tuple)) and not x:
            return {
                "boxes": np.zeros((0, self.keep, 4), "float32"),
                "scores": np.zeros((0, self.keep), "float32"),
                "classes": np.zeros((0, self.keep), "int32"),
                "count": np.zeros((0,), "int32"),
            }
        return super().predict(x, *args, **kwargs)

    def to_batch(self, images):
        """Images of any size as the network sees them, uint8 `[B, S, S, 3]`."""
        return np.stack([self.prepare(image) for image in images])

    def run(self, batch):
        """Prepared images to boxes as fractions, scores, classes and count."""
        return self.detection_model.predict_on_batch(batch)

    def to_answer(self, outputs, images):
        """Boxes in pixels of the images: see `predict` and `kind`."""
        sizes = [image.shape[:2] for image in images]
        boxes = [self.restore(b, *size) for b, size in zip(outputs["boxes"], sizes, strict=True)]
        return {**outputs, "boxes": np.stack(boxes).astype("float32")}

    def draw_detections(
        self, dataset, folder, *, count: int = 20, score_threshold: float = 0.3
    ) -> list[Path]:
        """Images with truth and detections drawn in; see `tasks.detection.draw`."""
        from refinezoo.tasks.detection.draw import draw_detections

        return draw_detections(self, dataset, folder, count=count, score_threshold=score_threshold)

    write_pictures = former_name("write_pictures", draw_detections)


class _Decode(keras.layers.Layer):
    """A detector's `decode` as a layer of its functional detection model."""

    def __init__(self, decode, keep: PositiveInt, **kwargs) -> None:
        super().__init__(**kwargs)
        self.decode, self.keep = decode, keep

    def call(self, raw):
        boxes, scores, classes, count = self.decode(raw)
        return {"boxes": boxes, "scores": scores, "classes": classes, "count": count}

    def compute_output_spec(self, raw):
        def spec(shape, dtype):
            return keras.KerasTensor((raw.shape[0], *shape), dtype=dtype)

        return {
            "boxes": spec((self.keep, 4), "float32"),
            "scores": spec((self.keep,), "float32"),
            "classes": spec((self.keep,), "int32"),
            "count": spec((), "int32"),
        }
