"""Segmentation in a study: folders of images and masks, mean IoU on the real test masks."""

from typing import Any

import numpy as np

from refinezoo.data.image_size import height_and_width
from refinezoo.data.segmentation import SegmentationAugmentation, read_segmentation_folder
from refinezoo.errors import RefinezooError
from refinezoo.tasks.array_study import ArrayTask
from refinezoo.tasks.augmentation_settings import augmentation_of
from refinezoo.tasks.segmentation.kind import SEGMENTER
from refinezoo.tasks.segmentation.pseudo_labels import sure_pixels
from refinezoo.tasks.study import Measured, folder_of


class SegmentationStudy(ArrayTask):
    """Semantic segmentation by DeepLab-v2, from scratch or from `init`.

    `model.config` names the classes and the size: `class_names`, `ignore_id`, `image_size` (height
    and width, to which every image and mask is reduced).
    """

    kind = SEGMENTER
    metrics = ("mean_iou", "pixel_accuracy", "mean_accuracy")
    class_metric = "IoU"
    rule = (
        "one confusion matrix of all pixels of all test photos, at the model's image_size (masks "
        "reduced by nearest neighbour), void pixels left out; mean IoU over the classes that occur"
    )
    targets = ("class_ids",)
    sure_at = 0.9
    ways = ("masks", "folder", "street")

    def check(self, model: dict[str, Any], training: dict[str, Any]) -> None:
        """As every task; the classes and the size must be named."""
        super().check(model, training)
        for name in ("class_names", "image_size"):
            if not model["config"].get(name):
                raise RefinezooError(
                    f"model.config: expected {name}, received none. Masks hold numbers only: name "
                    "the classes and the height and width to train and measure at."
                )

    def augmentation(self, value: Any, model: Any = None) -> Any:
        """`SegmentationAugmentation`, DeepLab's; what lies beside an image is void."""
        usual = SegmentationAugmentation(ignore_id=getattr(model, "ignore_id", 255))
        return augmentation_of(value, usual, fixed=("ignore_id",))

    def read(self, part: dict[str, Any], model: Any) -> dict[str, np.ndarray]:
        """`image` and `class_ids` `[N, H, W, 1]` at the model's size."""
        found = read_segmentation_folder(folder_of(part), model.image_size)
        return {"image": found["image"], "class_ids": found["class_ids"][..., None]}

    def pseudo_label(self, model, photos, out, score_threshold):
        """A folder of images and masks."""
        return out, sure_pixels(model, photos, out, score_threshold)

    def evaluate(self, model: Any, data: Any) -> Measured:
        """The metrics on the test photos."""
        found = model.evaluate_masks(data["image"], data["class_ids"][..., 0])
        true = self.kind.classes_in(model, data["class_ids"])
        by_class = {name: iou for name, iou in found["class_iou"].items() if name in true}
        return Measured({name: float(found[name]) for name in self.metrics}, by_class=by_class)

    def truth(self, data: Any, row: int) -> np.ndarray:
        """The mask."""
        return data["class_ids"][row, ..., 0]

    def photo_size(self, model: dict[str, Any]) -> tuple[int, int]:
        """The model's size."""
        return height_and_width(model["config"]["image_size"])
