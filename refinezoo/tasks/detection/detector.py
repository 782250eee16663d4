"""The one interface of every detector: COCO dataset in, boxes out, AP by COCO rules."""

import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import cv2
import keras
import numpy as np

from refinezoo.data.letterbox import letterbox, out_of_letterbox
from refinezoo.errors import RefinezooError
from refinezoo.metrics.detection import coco_average_precision
from refinezoo.models.start import copy_layers, opened
from refinezoo.tasks.detection.boxes import clip_boxes, xyxy_to_xywh
from refinezoo.tasks.detection.frozen import split_at


class Detector(keras.Model):
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

    letterbox = False
    size_step: int | None = None

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        image_size: int,
        score_threshold: float,
        nms_iou: float,
        top_k: int,
        keep: int,
        **kwargs,
    ) -> None:
        names = list(class_names) if not isinstance(class_names, str) else []
        if not names or len(set(names)) != len(names):
            raise RefinezooError(
                "expected class_names as a list of one or more different names, received "
                f"{class_names!r}. Pass dataset.class_names."
            )
        super().__init__(**kwargs)
        self.class_names = names
        self.image_size = int(image_size)
        self.score_threshold = float(score_threshold)
        self.nms_iou = float(nms_iou)
        self.top_k = int(top_k)
        self.keep = int(keep)

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
        height, width = image.shape[:2]
        if (height, width) == (size, size):
            return image
        shrink = height >= size and width >= size
        # INTER_AREA averages what it drops; for enlarging it would give blocks.
        method = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
        return cv2.resize(image, (size, size), interpolation=method)

    def restore(self, boxes_xyxy: np.ndarray, height: int, width: int) -> np.ndarray:
        """Boxes as fractions of the network's input, in pixels of the image that `prepare` saw."""
        if self.letterbox:
            return out_of_letterbox(boxes_xyxy, height, width, self.image_size)
        scale = np.array([width, height, width, height], "float32")
        return clip_boxes(boxes_xyxy * scale, height, width)

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

    def save_to_preset(self, folder):
        """Writes config, weights and checksum to `folder`; `refinezoo.load(folder)` reads it."""
        from refinezoo.models import presets

        return presets.save_to_preset(self, folder)

    # The interface -------------------------------------------------------------------------------

    @property
    def inference_network(self) -> keras.Model:
        """The functional model whose weights a preset ships."""
        return self.network

    def build(self, input_shape=None) -> None:
        """The functional network is built already."""
        self.built = True

    def compile_from_config(self, config: dict) -> None:
        """Compiles as when saved (Keras skips this for models with their own `compile`)."""
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)
        if hasattr(self, "optimizer") and self.built:
            self.optimizer.build(self.trainable_variables)

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

    def predict(self, images, batch_size: int = 8, verbose=0, **kwargs) -> dict[str, np.ndarray]:
        """Finds objects.

        Args:
            images: uint8 [B, H, W, 3] RGB of any size, one uint8 [H, W, 3], or a list of images of
                different sizes.
            batch_size: images per step.
            verbose: as in `keras.Model.predict`.
            **kwargs: passed on to `keras.Model.predict`.

        Returns:
            boxes float32 [B, keep, 4] (x1, y1, x2, y2) in pixels of the given image, scores float32
            [B, keep] falling, classes int32 [B, keep] (index into `class_names`, -1 = padding),
            count int32 [B].

        Raises:
            RefinezooError: for grey, RGBA or non-uint8 images.
        """
        images = _checked_images(images)
        if not images:
            return _no_images(self.keep)
        batch = np.stack([self.prepare(image) for image in images])
        batch_size = min(batch_size, len(images))
        # Whole batches only: a smaller last one would be compiled anew.
        filling = np.zeros((-len(images) % batch_size, *batch.shape[1:]), "uint8")
        found = self.detection_model.predict(
            np.concatenate([batch, filling]), batch_size=batch_size, verbose=verbose, **kwargs
        )
        found = {key: rows[: len(images)] for key, rows in found.items()}
        sizes = [image.shape[:2] for image in images]
        found["boxes"] = np.stack(
            [self.restore(boxes, *size) for boxes, size in zip(found["boxes"], sizes, strict=True)]
        ).astype("float32")
        return found

    def detect(self, dataset, batch_size: int = 8) -> list[dict]:
        """COCO result dicts for a `CocoDataset`, in its own category ids.

        Classes the dataset does not know are left out.
        """
        category = dict(zip(dataset.class_names, dataset.category_ids, strict=True))
        if not set(category) & set(self.class_names):
            raise RefinezooError(
                f"expected a dataset with some of this detector's classes {self.class_names[:5]}, "
                f"received classes {list(dataset.class_names)[:5]}. Use the matching detector."
            )
        results = []
        for start in range(0, len(dataset), 64):
            records = dataset.records[start : start + 64]
            images = [dataset.read(start + i) for i in range(len(records))]
            found = self.predict(images, batch_size=batch_size)
            for row, record in enumerate(records):
                count = found["count"][row]
                boxes = xyxy_to_xywh(found["boxes"][row, :count]).round(2)
                for box, score, label in zip(
                    boxes.tolist(), found["scores"][row], found["classes"][row], strict=False
                ):
                    name = self.class_names[label]
                    if name in category:
                        results.append(
                            {
                                "image_id": record.id,
                                "category_id": category[name],
                                "bbox": box,
                                "score": float(score),
                            }
                        )
        return results

    def evaluate_coco(self, dataset, batch_size: int = 8) -> dict:
        """Average precision on a `CocoDataset`; see `metrics.detection.coco_average_precision`."""
        image_ids = [record.id for record in dataset.records]
        if len(set(image_ids)) < len(image_ids):
            raise RefinezooError(
                "expected a dataset of one COCO file, received one that holds image ids twice. "
                "Evaluate the parts of a concatenated dataset one by one."
            )
        return coco_average_precision(
            dataset.truth(), self.detect(dataset, batch_size), image_ids=image_ids
        )

    def write_pictures(
        self, dataset, folder, *, count: int = 20, score_threshold: float = 0.3
    ) -> list[Path]:
        """Pictures with truth and detections drawn in; see `tasks.detection.pictures`."""
        from refinezoo.tasks.detection.pictures import write_pictures

        return write_pictures(self, dataset, folder, count=count, score_threshold=score_threshold)

    def get_config(self) -> dict:
        """Constructor arguments, JSON-able."""
        return {
            "class_names": list(self.class_names),
            "image_size": self.image_size,
            "score_threshold": self.score_threshold,
            "nms_iou": self.nms_iou,
            "top_k": self.top_k,
            "keep": self.keep,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        """The detector of a `get_config`."""
        return cls(**config)


class _Decode(keras.layers.Layer):
    """A detector's `decode` as a layer of its functional detection model."""

    def __init__(self, decode, keep: int, **kwargs) -> None:
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


def _checked_images(images) -> list[np.ndarray]:
    if isinstance(images, np.ndarray) and images.ndim == 3:
        images = images[None]
    checked = []
    for index, image in enumerate(images):
        image = np.asarray(image)
        if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8 or not image.size:
            raise RefinezooError(
                "expected RGB images, uint8 [H, W, 3] in 0..255, received image "
                f"{index} of dtype {image.dtype} and shape {image.shape}. Read files with "
                "refinezoo.data.read_image, which converts grey, RGBA and 16-bit files."
            )
        checked.append(image)
    return checked


def _no_images(keep: int) -> dict[str, np.ndarray]:
    return {
        "boxes": np.zeros((0, keep, 4), "float32"),
        "scores": np.zeros((0, keep), "float32"),
        "classes": np.zeros((0, keep), "int32"),
        "count": np.zeros((0,), "int32"),
    }
