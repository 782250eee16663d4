"""Reading, pairing and augmenting image data.

Everything is imported on first use: `import refinezoo.data` loads neither Keras nor OpenCV.
"""

import importlib
from typing import Any

_HOMES = {
    "ArrayBatches": "arrays",
    "AugmentedBatches": "depth",
    "SegmentationAugmentation": "segmentation",
    "read_class_ids": "mask_files",
    "read_segmentation_folder": "segmentation",
    "read_depth": "depth_files",
    "read_depth_folder": "depth",
    "UnpairedArrays": "arrays",
    "CocoDataset": "coco",
    "ImageRecord": "coco",
    "FollowEpoch": "pairing",
    "UnpairedImages": "pairing",
    "unpaired": "pairing",
    "unpaired_tf_dataset": "pairing_tf",
    "load_digits": "digits",
    "list_images": "formats",
    "recognise": "formats",
    "read_image": "images",
    "write_image": "images",
}
_MODULES = ("augmentation", "coco", "formats", "images", "masks")
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"refinezoo.data.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"refinezoo.data.{name}")
    raise AttributeError(f"module 'refinezoo.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
