"""Object detection: one interface, shared anchors, matching, suppression and augmentation."""

from refinezoo.tasks.detection.augmentation import Augmentation
from refinezoo.tasks.detection.batches import DetectionBatches
from refinezoo.tasks.detection.detector import Detector
from refinezoo.tasks.detection.ssd import SSD300

__all__ = ["Augmentation", "DetectionBatches", "Detector", "SSD300"]
