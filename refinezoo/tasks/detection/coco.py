"""Detections as COCO has them."""

from collections.abc import Callable, Sequence

from refinezoo.errors import RefinezooError


class Detects:
    """`detect` and `evaluate_coco`, over `predict`: of detectors and of their exported files."""

    class_names: Sequence[str]
    predict: Callable

    def detect(self, dataset, batch_size: int = 8) -> list[dict]:
        """COCO result dicts for a `CocoDataset`, in its own category ids.

        Classes the dataset does not know are left out.
        """
        from refinezoo.tasks.detection.boxes import xyxy_to_xywh

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
            found = self.predict(images, batch_size, verbose=0)
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
        from refinezoo.metrics.detection import coco_average_precision

        image_ids = [record.id for record in dataset.records]
        if len(set(image_ids)) < len(image_ids):
            raise RefinezooError(
                "expected each image once, received image ids twice. Leave out of subset() what "
                "it repeats; concat() numbers images anew."
            )
        return coco_average_precision(
            dataset.truth(), self.detect(dataset, batch_size), image_ids=image_ids
        )
