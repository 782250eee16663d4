"""Object detection: one interface, shared anchors, matching, suppression and augmentation."""

from refinezoo.tasks.detection.augmentation import Augmentation
from refinezoo.tasks.detection.batches import DetectionBatches
from refinezoo.tasks.detection.detector import Detector
from refinezoo.tasks.detection.pvanet import PVANET
from refinezoo.tasks.detection.ssd import SSD300
from refinezoo.tasks.detection.yolov3 import YOLOv3

__all__ = ["Augmentation", "DetectionBatches", "Detector", "PVANET", "SSD300", "YOLOv3"]
