"""Pictures with boxes drawn in: what is there and what a detector found."""

import os
from pathlib import Path

import cv2
import numpy as np

from refinezoo.data.images import write_image
from refinezoo.errors import RefinezooError
from refinezoo.tasks.detection.boxes import pairwise_iou, xywh_to_xyxy

TRUTH, RIGHT, WRONG = (255, 255, 255), (0, 190, 60), (230, 60, 0)
_SIDE = 640


def write_pictures(
    detector, dataset, folder: str | os.PathLike, *, count: int = 20, score_threshold: float = 0.3
) -> list[Path]:
    """Draws objects (white) and detections (green where right, else red) into JPEGs.

    A detection is right if it overlaps an object of its class by half. What is written beside a box
    is its class, and a detection's score.

    Args:
        detector: a `Detector`, or an exported one.
        dataset: `CocoDataset`.
        folder: where to write; made if need be. `ID_STEM.jpg` for each picture.
        count: pictures, evenly spread over the dataset.
        score_threshold: detections with a lower score are not drawn.

    Returns:
        The files written.
    """
    if count < 1 or not len(dataset):
        raise RefinezooError(
            f"expected count of 1 or more and a dataset with pictures, received count={count} "
            f"and {len(dataset)} pictures."
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


def drawn_boxes(image: np.ndarray, truth: tuple, found: tuple) -> np.ndarray:
    """A picture with boxes and words in it, its longer side 640 pixels.

    Args:
        image: uint8 [H, W, 3] RGB.
        truth: boxes xyxy [N, 4] in pixels of the picture and N class names.
        found: boxes xyxy [M, 4], M class names and M scores.

    Returns:
        uint8 [H', W', 3] RGB.
    """
    scale = _SIDE / max(image.shape[:2])
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    canvas = cv2.resize(image, size, interpolation=method)
    true_boxes, true_names = truth
    for box, name in zip(true_boxes, true_names, strict=True):
        _draw(canvas, np.asarray(box) * scale, name, TRUTH, below=True)
    boxes, names, scores = found
    overlap = pairwise_iou(np.reshape(boxes, (-1, 4)), np.reshape(true_boxes, (-1, 4)))
    for box, name, score, row in zip(boxes, names, scores, overlap, strict=True):
        right = any(row[k] >= 0.5 and true_names[k] == name for k in range(len(true_names)))
        colour = RIGHT if right else WRONG
        _draw(canvas, np.asarray(box) * scale, f"{name} {score:.2f}", colour, below=False)
    return canvas


def _draw(canvas, box, words: str, colour, *, below: bool) -> None:
    x1, y1, x2, y2 = (int(round(float(side))) for side in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 2)
    # Only ASCII is in OpenCV's font.
    words = words.encode("ascii", "replace").decode()
    (width, height), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    x = min(max(x1, 0), max(canvas.shape[1] - width - 4, 0))
    y = min(max(y2 - 4 if below else y1 + height + 4, height + 2), canvas.shape[0] - 3)
    cv2.rectangle(canvas, (x, y - height - 2), (x + width + 4, y + 3), colour, -1)
    ink = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
    cv2.putText(canvas, words, (x + 2, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
