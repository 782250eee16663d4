"""Reading, pairing, augmenting and composing image data.

Everything is imported on first use: `import refinezoo.data` loads neither Keras nor OpenCV.
"""

import importlib
from typing import Any

_HOMES = {
    "CocoDataset": "coco",
    "ImageRecord": "coco",
    "LayoutStatistics": "compose",
    "compose_scenes": "compose",
    "FollowEpoch": "unpaired",
    "UnpairedImages": "unpaired",
    "unpaired": "unpaired",
    "unpaired_tf_dataset": "unpaired_tf",
    "list_images": "images",
    "read_image": "images",
    "write_image": "images",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"refinezoo.data.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'refinezoo.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
