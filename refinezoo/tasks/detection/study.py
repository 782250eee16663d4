"""Detection in a study: COCO sets, average precision on the real test photos."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.coco import CocoDataset
from refinezoo.files import atomic_folder
from refinezoo.tasks.augmentation_settings import augmentation_of
from refinezoo.tasks.detection.augmentation import Augmentation
from refinezoo.tasks.detection.batches import DetectionBatches
from refinezoo.tasks.detection.boxes import xywh_to_xyxy
from refinezoo.tasks.detection.kind import DETECTOR
from refinezoo.tasks.detection.pseudo_labels import sure_boxes, write_with_copies
from refinezoo.tasks.study import Example, Measured, Prepared, Task


class DetectionStudy(Task):
    """Boxes and classes, average precision by COCO's rules; the classes are the test set's."""

    kind = DETECTOR
    metrics = ("AP50", "AP", "AP75")
    class_metric = "AP50"
    sure_at = 0.7
    ways = ("coco", "compose")
    rule = "pycocotools COCOeval on all test photos; ignore_regions are crowd boxes"

    def check(self, model: dict[str, Any], training: dict[str, Any]) -> None:
        """As every task; `training.freeze` names a layer here."""
        super().check(model, {**training, "freeze": None})

    def augmentation(self, value: Any, model: Any = None) -> Any:
        """`Augmentation` of images with boxes."""
        return augmentation_of(value, Augmentation())

    def arguments(self, spec: dict[str, Any]) -> dict[str, Any]:
        """With the classes of the test set."""
        names = CocoDataset.load(spec["test"]["annotations"], spec["test"]["images"]).class_names
        return {"class_names": names, **super().arguments(spec)}

    def read(self, part: dict[str, Any], model: Any) -> CocoDataset:
        """A COCO set; its images are read when they are needed."""
        return CocoDataset.load(part["annotations"], part["images"])

    def batches(self, data: Any, spec: dict[str, Any], model: Any, **stream: Any) -> Any:
        """Augmented images with encoded boxes."""
        augmentation = self.augmentation(spec["training"]["augmentation"])
        return DetectionBatches(data, model, augmentation=augmentation, **stream)

    def prepare(
        self, spec: dict[str, Any], optimizer: Callable[[], Any], sizes: Sequence[int], steps: int
    ) -> Prepared:
        """With `training.freeze`, only the layers above it, on stored features of each set."""
        training = spec["training"]
        if not training["freeze"]:
            return super().prepare(spec, optimizer, sizes, steps)
        from refinezoo.tasks.detection.frozen import FeatureBatches

        whole = {**spec, "sets": [], "training": {**training, "freeze": None}}
        detector = super().prepare(whole, optimizer, [], steps).model
        trunk, upper = detector.split_at(training["freeze"])
        trunk.trainable = False
        upper.compile(optimizer(), loss=detector.loss, jit_compile=False)
        seed, parts = spec["seed"], []
        for part, size in zip(spec["sets"], sizes, strict=True):
            stream = {
                "batch_size": 16,
                "steps": -(-training["augmented_images"] // 16),
                "seed": seed,
            }
            images = self.batches_of(part, spec, detector, **stream)
            parts.append(FeatureBatches(images, trunk, size, steps=steps, seed=seed))
        return Prepared(detector, upper, parts)

    def pseudo_label(self, model, photos, out, score_threshold):
        """A COCO file and the photos beside it."""
        with atomic_folder(out) as folder:
            coco, kept, summary = sure_boxes(model, photos, score_threshold)
            write_with_copies(folder, coco, kept)
        return out / "annotations.json", summary

    def evaluate(self, model: Any, data: Any) -> Measured:
        """Average precision on the test photos; predictions are COCO results."""
        from refinezoo.metrics.detection import coco_average_precision

        detections = model.detect(data)
        scores = coco_average_precision(data.truth(), detections)
        by_class = {name: found["AP50"] for name, found in scores["per_class"].items()}
        return Measured(
            {name: float(scores[name]) for name in self.metrics},
            detections,
            {name: float(value) for name, value in by_class.items() if value is not None},
        )

    def kept_answers(self, model: Any, data: Any, predictions: Any) -> list[dict[str, Any]]:
        """The detections of each photo, of the classes that the photos' labels know."""
        names = dict(zip(data.category_ids, data.class_names, strict=True))
        label = {name: k for k, name in enumerate(model.class_names)}
        found: dict[Any, list[dict[str, Any]]] = {record.id: [] for record in data.records}
        for row in predictions:
            found[row["image_id"]].append(row)
        return [
            {
                "boxes": xywh_to_xyxy(np.reshape([row["bbox"] for row in rows], (-1, 4))),
                "scores": np.array([row["score"] for row in rows]),
                "classes": [label[names[row["category_id"]]] for row in rows],
                "count": len(rows),
            }
            for rows in found.values()
        ]

    def example(self, data: Any, row: int) -> Example:
        """A photo with its true boxes, those of crowds left out."""
        record = data.records[row]
        things = ~record.crowd
        truth = {
            "boxes": xywh_to_xyxy(record.boxes_xywh[things]),
            "scores": np.ones(things.sum(), "float32"),
            "names": [data.class_names[label] for label in record.labels[things]],
            "count": things.sum(),
        }
        return Example(Path(record.path).name, data.read(row), truth)
