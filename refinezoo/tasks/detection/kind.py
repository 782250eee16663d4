"""What detectors predict: boxes, scores, classes and their count."""

import os

import numpy as np

from refinezoo.models.images import resized
from refinezoo.models.kind import Kind, Output
from refinezoo.models.registry import register_kind
from refinezoo.tasks.detection.coco import Detects

_SCORES = {
    "scores": Output("float32", ("keep",), limits=(0, 1)),
    "classes": Output("int32", ("keep",), "index into class_names", padding=-1),
    "count": Output("int32", ()),
}


def shown(model, answer, least_score=0.3):
    """Boxes, names and scores of an answer: those of at least a score, else the best.

    An answer may bring `names` of its own, as a truth does of which the model knows no class.
    """
    count = int(answer["count"])
    names = answer.get("names") or [model.class_names[k] for k in answer["classes"][:count]]
    scores = answer["scores"][:count]
    kept = [row for row in range(count) if scores[row] >= least_score]
    kept = kept or ([int(np.argmax(scores))] if count else [])
    return answer["boxes"][kept], [names[row] for row in kept], scores[kept]


def _rows(answer, chosen):
    kept = {name: np.asarray(answer[name])[chosen] for name in ("boxes", "scores", "classes")}
    return {**kept, "count": len(kept["scores"])}


def _sure(answer, least_score=0.3):
    """The boxes of an answer of at least a score; there may be none."""
    there = _rows(answer, slice(int(answer["count"])))
    return _rows(there, there["scores"] >= least_score)


class DetectorKind(Kind):
    """uint8 images to boxes in their pixels."""

    name = "detector"
    task = "detection"
    study = "refinezoo.tasks.detection.study.DetectionStudy"
    outputs = {"boxes": Output("float32", ("keep", 4), "pixels", "x1, y1, x2, y2"), **_SCORES}
    file_outputs = {
        "boxes": Output(
            "float32",
            ("keep", 4),
            order="x1, y1, x2, y2 as fractions of width and height",
            limits=(0, 1),
        ),
        **_SCORES,
    }
    error_unit = "of scores"
    own_size = True
    loops = True
    label_score = "AP50"
    gate = ("AP50 lost", 0.01)
    agreement_by = "F1 of boxes, class and IoU of 0.5"
    finds_objects = True
    training_labels = "targets"
    hub_task = "object-detection"
    conveniences = Detects

    def label_settings(self, model):
        """Boxes as the detector's own targets."""
        return {"encode": model.encode}

    def object_mask(self, model, image, answer):
        """GrabCut inside each box with a score of 0.5 or more."""
        from refinezoo.data.masks import grabcut_mask

        height, width = image.shape[:2]
        mask = np.zeros((height, width, 1), "float32")
        for box in np.clip(_sure(answer, 0.5)["boxes"], 0, [width, height, width, height]):
            left, top, right, bottom = box
            if right - left >= 1 and bottom - top >= 1:
                cut = grabcut_mask(image, (left, top, right - left, bottom - top))
                mask = np.maximum(mask, cut)
        return mask

    def draw(self, model, image, answer, truth=None):
        """Boxes that `shown` takes: green where right, red where wrong; true ones are white."""
        from refinezoo.tasks.detection.draw import drawn_boxes

        nothing = (np.zeros((0, 4)), [], [])
        return drawn_boxes(
            image,
            None if truth is None else shown(model, truth)[:2],
            nothing if answer is None else shown(model, answer),
            side=320,
        )

    def words(self, model, answer):
        """Classes and scores of the boxes that `shown` takes; a truth has no scores to say."""
        _, names, scores = shown(model, answer)
        if "names" not in answer:
            names = [f"{name} {score:.2f}" for name, score in zip(names, scores, strict=True)]
        more = [f"{len(names) - 3} more"] if names[3:] else []
        return "; ".join([*names[:3], *more]) or "nothing"

    def agreement(self, model, answer, truth):
        """F1 of the boxes that `shown` takes; 1 where there is nothing and nothing was found."""
        from refinezoo.tasks.detection.boxes import pairwise_iou

        boxes, names, scores = shown(model, answer)
        wanted, true_names, _ = shown(model, truth)
        if not names or not true_names:
            return float(len(names) == len(true_names))
        same = np.array(names)[:, None] == np.array(true_names)
        fits = ((pairwise_iou(boxes, wanted) >= 0.5) & same)[np.argsort(-scores, kind="stable")]
        right = 0
        for row in fits:  # each object is found once, by the surest box
            if row.any():
                fits[:, row.argmax()] = False
                right += 1
        return 2 * right / (len(names) + len(true_names))

    def kept(self, model, before, after, boxes_xyxy=None):
        """As `agreement`, of boxes that are sure; found anew on a labelled object none is wrong."""
        from refinezoo.tasks.detection.boxes import pairwise_iou

        before, after = (_sure(answer) for answer in (before, after))
        if boxes_xyxy is not None and len(boxes_xyxy) and len(after["boxes"]):
            explained = (
                pairwise_iou(after["boxes"], np.asarray(boxes_xyxy, "float32")).max(1) >= 0.5
            )
            again = np.zeros(len(explained), bool)
            if len(before["boxes"]):
                same = after["classes"][:, None] == before["classes"]
                again = ((pairwise_iou(after["boxes"], before["boxes"]) >= 0.5) & same).any(1)
            after = _rows(after, again | ~explained)
        return self.agreement(model, after, before)

    def classes_in(self, model, truth):
        """Those of the true boxes."""
        return tuple(sorted(set(shown(model, truth)[1])))

    def signatures(self, model, max_image_pixels):
        """`serving_default` and `tensor`, both to detections in pixels of the image sent."""
        from refinezoo.tasks.detection.signatures import detector_signatures

        return detector_signatures(model, max_image_pixels)

    def graph(self, model):
        """uint8 `[1, S, S, 3]` to detections, boxes as fractions."""
        from refinezoo.tasks.detection.signatures import detections

        return detections(model)

    def run(self, exported, image):
        """Boxes in pixels of the image, which is warped or letterboxed to the file's size."""
        if exported.sizes == [(None, None)]:  # resizes inside, answers in pixels
            return exported.runtime.run(image[None])
        height, width = image.shape[:2]
        if exported.info["inputs"]["images"].get("placing") == "letterbox":
            from refinezoo.data.letterbox import letterbox, out_of_letterbox

            side = exported.sizes[0][0]
            found = exported.runtime.run(letterbox(image, side)[None])
            boxes = out_of_letterbox(found["boxes"][0], height, width, side)
        else:
            found = exported.runtime.run(resized(image, *exported.sizes[0])[None])
            boxes = found["boxes"][0] * np.array([width, height, width, height], "float32")
        return {**found, "boxes": boxes[None]}

    def difference(self, wanted, given):
        """`max_abs_error` of the scores."""
        return super().difference(wanted["scores"], given["scores"])

    def lost(self, wanted, given):
        """Unknown: without labelled photos of its classes a detector's loss is not measured."""
        return float("nan"), False

    def labelled(self, model, evaluation):
        """A `CocoDataset`, given as such or as a folder, else the packaged photos.

        None if the detector knows none of the packaged photos' classes.
        """
        from refinezoo.data import CocoDataset
        from refinezoo.files import ASSETS

        if isinstance(evaluation, str | os.PathLike):
            return CocoDataset.load(evaluation)
        if evaluation is not None:
            return evaluation
        dataset = CocoDataset.load(ASSETS / "real_test")
        return dataset if set(dataset.class_names) & set(model.class_names) else None

    def score(self, model, labelled):
        """AP50 by COCO rules."""
        return float(model.evaluate_coco(labelled)["AP50"])


DETECTOR = register_kind(DetectorKind())
