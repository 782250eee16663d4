"""Images with boxes drawn in: what is there and what a detector found."""

import os
from pathlib import Path

import cv2
import numpy as np

from refinezoo.data.drawing import PLAIN, RIGHT, TRUTH, WRONG, shown_at, tag
from refinezoo.data.images import write_image
from refinezoo.errors import RefinezooError
from refinezoo.tasks.detection.boxes import pairwise_iou, xywh_to_xyxy

_SIDE = 640


def draw_detections(
    detector, dataset, folder: str | os.PathLike, *, count: int = 20, score_threshold: float = 0.3
) -> list[Path]:
    """Draws objects (white) and detections (green where right, else red) into JPEGs.

    A detection is right if it overlaps an object of its class by half. What is written beside a box
    is its class, and a detection's score.

    Args:
        detector: a `Detector`, or an exported one.
        dataset: `CocoDataset`.
        folder: where to write; made if need be. `ID_STEM.jpg` for each image.
        count: images, evenly spread over the dataset.
        score_threshold: detections with a lower score are not drawn.

    Returns:
        The files written.
    """
    if count < 1 or not len(dataset):
        raise RefinezooError(
            f"expected count of 1 or more and a dataset with images, received count={count} "
            f"and {len(dataset)} images."
        )
    chosen = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)
    paths = []
    for place in chosen:
        record, image = dataset.records[place], dataset.read(int(place))
        found = {key: rows[0] for key, rows in detector.predict([image]).items()}
        shown = found["scores"][: found["count"]] >= score_threshold
        names = [detector.class_names[k] for k in found["classes"][: found["count"]][shown]]
        boxes = found["boxes"][: found["count"]][shown]
        things = ~np.asarray(record.crowd, bool)
        true_boxes = xywh_to_xyxy(record.boxes_xywh[things])
        true_names = [dataset.class_names[k] for k in record.labels[things]]
        drawn = drawn_boxes(
            image,
            (true_boxes, true_names),
            (boxes, names, found["scores"][: found["count"]][shown]),
        )
        path = Path(folder) / f"{record.id}_{Path(record.path).stem}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        paths.append(write_image(path, drawn))
    return paths


def drawn_boxes(
    image: np.ndarray, truth: tuple | None, found: tuple, side: int = _SIDE
) -> np.ndarray:
    """An image with boxes and words in it, its longer side `side` pixels.

    Args:
        image: uint8 [H, W, 3] RGB.
        truth: boxes xyxy [N, 4] in pixels of the image and N class names; None where it is not
            known, and so nothing is called right or wrong.
        found: boxes xyxy [M, 4], M class names and M scores.
        side: pixels.

    Returns:
        uint8 [H', W', 3] RGB.
    """
    scale, canvas = side / max(image.shape[:2]), shown_at(image, side)
    true_boxes, true_names = truth or ((), ())
    for box, name in zip(true_boxes, true_names, strict=True):
        _draw(canvas, np.asarray(box) * scale, name, TRUTH, below=True)
    boxes, names, scores = found
    overlap = pairwise_iou(np.reshape(boxes, (-1, 4)), np.reshape(true_boxes, (-1, 4)))
    for box, name, score, row in zip(boxes, names, scores, overlap, strict=True):
        right = any(row[k] >= 0.5 and true_names[k] == name for k in range(len(true_names)))
        colour = PLAIN if truth is None else RIGHT if right else WRONG
        _draw(canvas, np.asarray(box) * scale, f"{name} {score:.2f}", colour, below=False)
    return canvas


def _draw(canvas, box, words: str, colour, *, below: bool) -> None:
    x1, y1, x2, y2 = (int(round(float(side))) for side in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 2)
    tag(canvas, x1, y2 - 4 if below else y1 + 14, words, colour)
