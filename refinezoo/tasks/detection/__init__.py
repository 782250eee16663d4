"""Object detection: one interface, shared anchors, matching, suppression and augmentation."""

from refinezoo.lazy import lazy_names

_HOMES = {
    "Augmentation": ".augmentation",
    "DetectionBatches": ".batches",
    "Detector": ".detector",
    "PVANET": ".pvanet",
    "SSD300": ".ssd",
    "YOLOv3": ".yolov3",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
