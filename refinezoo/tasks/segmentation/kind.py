"""What segmenters predict: the class of every pixel."""

from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.models.answers import single
from refinezoo.models.images import checked_images
from refinezoo.models.kind import Kind, Output
from refinezoo.models.registry import register_kind


class Segments:
    """`segment` and what it is worth, over `predict`."""

    class_names: list[str]
    ignore_id: int

    def segment(self, images, batch_size=8):
        """The class of every pixel.

        Args:
            images: uint8 `[B, H, W, 3]` or `[H, W, 3]`, RGB, any H and W, or a list of images.
            batch_size: images per pass.

        Returns:
            uint8 `[B, H, W]` or `[H, W]`, indices into `class_names`; a list where sizes differ.

        Raises:
            RefinezooError: for other images.
        """
        return single(images, self.predict(images, batch_size, verbose=0))

    def evaluate_masks(self, images, masks, *, batch_size: int = 8) -> dict[str, Any]:
        """Mean IoU, IoU per class and pixel accuracy on labelled images.

        Args:
            images: uint8 `[B, H, W, 3]`, or a list of images of different sizes.
            masks: class ids, int `[B, H, W]`, or a list of `[H, W]`.
            batch_size: images per pass, where they are of one size.

        Returns:
            As `metrics.segmentation.segmentation_metrics`.

        Raises:
            RefinezooError: masks that do not fit the images or the classes, or without any pixel
                that counts.
        """
        if len(images) != len(masks):
            raise RefinezooError(
                f"expected a mask for each image, received {len(images)} images and {len(masks)} "
                "masks."
            )
        if isinstance(images, np.ndarray):
            pairs = [(images, masks)]
        else:
            pairs = [(image[None], mask[None]) for image, mask in zip(images, masks, strict=True)]
        from refinezoo.metrics.segmentation import confusion_matrix, segmentation_metrics
        from refinezoo.tasks.segmentation.checks import checked_masks

        classes = len(self.class_names)
        table = np.zeros((classes, classes), np.int64)
        for part, truth in pairs:
            truth = checked_masks(truth, checked_images(part), classes, self.ignore_id)
            found = self.segment(part, batch_size)
            table += confusion_matrix(truth, found, classes, self.ignore_id)
        return segmentation_metrics(table, self.class_names)


class SegmenterKind(Kind):
    """uint8 images to class ids."""

    name = "segmenter"
    task = "segmentation"
    study = "refinezoo.tasks.segmentation.study.SegmentationStudy"
    outputs = {"class_ids": Output("uint8", ("H", "W"), "index into class_names")}
    told = ("ignore_id",)
    error_unit = "share of pixels"
    label_score = "mean IoU"
    gate = ("share of pixels changed", 0.01)
    agreement_by = "share of labelled pixels that are right"
    finds_objects = True
    training_labels = "class_ids"
    hub_task = "image-segmentation"
    conveniences = Segments

    def label_settings(self, model):
        """Class ids of each pixel."""
        return {"class_ids": True}

    def object_mask(self, model, image, answer):
        """What is neither class 0 nor void."""
        return ((answer != 0) & (answer != model.ignore_id)).astype("float32")[..., None]

    def draw(self, model, image, answer, truth=None):
        """Classes as colours over the image, ignored pixels black."""
        from refinezoo.data.drawing import class_colours, shown_at

        ids = truth if answer is None else answer
        known = ids < len(model.class_names)
        colours = class_colours(len(model.class_names))[np.where(known, ids, 0)]
        blend = 0.35 * image + 0.65 * colours * known[..., None]
        return shown_at(blend.round().astype("uint8"))

    def words(self, model, answer):
        """The three largest classes and their shares of the pixels."""
        counts = np.bincount(answer.ravel(), minlength=256)[: len(model.class_names)]
        largest = [k for k in np.argsort(-counts, kind="stable")[:3] if counts[k]]
        return ", ".join(f"{model.class_names[k]} {counts[k] / answer.size:.0%}" for k in largest)

    def agreement(self, model, answer, truth):
        """The share of the labelled pixels that have their class; 1 where none is labelled."""
        known = truth < len(model.class_names)
        return float((answer == truth)[known].mean()) if known.any() else 1.0

    def classes_in(self, model, truth):
        """Those of any pixel."""
        return tuple(model.class_names[k] for k in np.unique(truth) if k < len(model.class_names))

    def signatures(self, model, max_image_pixels):
        """`serving_default` to `mask_bytes`, `tensor` to `class_ids`."""
        from refinezoo.tasks.segmentation.signatures import segmentation_signatures

        return segmentation_signatures(model, max_image_pixels)

    def graph(self, model):
        """uint8 `[1, H, W, 3]` to `class_ids`."""
        from refinezoo.tasks.segmentation.signatures import class_ids

        segment = class_ids(model)
        return lambda images: {"class_ids": segment(images)}

    def difference(self, wanted, given):
        """`max_abs_error`: the largest share of an image's pixels that changed."""
        return {"max_abs_error": float((wanted != given).mean(axis=(1, 2)).max())}

    def lost(self, wanted, given):
        """The share of all pixels that changed."""
        change = float((wanted != given).mean())
        return change, change <= self.gate[1]

    def labelled(self, model, evaluation):
        """Images and masks of a folder with `images/` and `masks/`, if one is given."""
        if evaluation is None:
            return None
        from refinezoo.data import read_segmentation_folder

        read = read_segmentation_folder(evaluation, model.image_size)
        return list(zip(read["image"], read["class_ids"], strict=True))

    def score(self, model, labelled):
        """Mean IoU."""
        images, masks = (np.stack(part) for part in zip(*labelled, strict=True))
        return model.evaluate_masks(images, masks)["mean_iou"]


SEGMENTER = register_kind(SegmenterKind())
