"""What a model can do, and so which signatures it gets."""

from typing import Any

from refinezoo.errors import RefinezooError


def kind_of(model: Any) -> str:
    """What a model can do.

    `"refiner"`, `"rgbd"` (a refiner of images and depth), `"detector"`, `"segmenter"`, `"depth"`,
    `"pose"`, `"classifier"` or `"range"`.
    """
    if hasattr(model, "refine"):
        return "rgbd" if getattr(model, "use_depth", False) else "refiner"
    if hasattr(model, "class_names") and hasattr(model, "decode"):
        return "detector"
    if hasattr(model, "segmentation_model"):
        return "segmenter"
    if hasattr(model, "depth_inference"):
        return "depth"
    if hasattr(model, "predict_probability"):
        return "pose" if model.quaternion else "classifier"
    if hasattr(model, "predict_ranges"):
        return "range"
    raise RefinezooError(
        "expected a refiner (with refine), a detector (with class_names and decode), a segmenter "
        "(with segmentation_model), a depth model (with depth_inference), a classifier (with "
        "predict_probability) or an obstacle-range model (with predict_ranges), received "
        f"{type(model).__name__}."
    )
