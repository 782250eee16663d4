"""Pseudo-labels: what a detector is sure of in photos that nobody labelled, as a COCO file.

A detector trained on refined renders labels photos of the target; the next one trains on renders
and on these photos. Places it is not sure of take no part (`ignore_regions`): they are neither
objects nor background.

Reference:
    Lee, Pseudo-Label, ICML workshop on challenges in representation learning, 2013.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.formats import list_images
from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError
from refinezoo.files import write_json
from refinezoo.tasks.detection.boxes import clip_boxes, pairwise_iou, xyxy_to_xywh
from refinezoo.tasks.detection.kind import DETECTOR


def pseudo_labels(
    detector, photos: str | os.PathLike, out: str | os.PathLike, *, score_threshold: float = 0.7
) -> dict[str, Any]:
    """Writes a COCO file of the photos in which a detector is sure of something.

    Of boxes that overlap by half, whatever their classes, the surest stays. Photos without a sure
    box are left out. A study trains on the file as `real.train`, with `real.images: photos`.

    Args:
        detector: a `Detector`, or an exported one.
        photos: folder of photos.
        out: the JSON file to write; file names in it are relative to `photos`.
        score_threshold: least score of a box, in (0, 1].

    Returns:
        `photos` (how many were looked at), `kept`, and `boxes`: {class name: how many}.

    Raises:
        RefinezooError: no detector, no photos, a threshold outside of (0, 1], or nothing found.
    """
    if detector.kind.name != DETECTOR.name:
        raise RefinezooError(
            f"expected a detector, received a {detector.kind.name}: only boxes can be left out "
            "where they are not sure. Give a detector's preset or zoo name (`refinezoo list`)."
        )
    if not 0.0 < score_threshold <= 1.0:
        raise RefinezooError(f"expected score_threshold in (0, 1], received {score_threshold}.")
    root, names = Path(photos), list(detector.class_names)
    files = list_images(root)
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for file in files:
        image = read_image(file)
        height, width = image.shape[:2]
        boxes, labels, scores = _sure(detector.predict([image]), score_threshold, height, width)
        if not len(boxes):
            continue
        number = len(images) + 1
        images.append(
            {
                "id": number,
                "file_name": file.relative_to(root).as_posix(),
                "width": width,
                "height": height,
                "ignore_regions": uncovered(boxes, height, width).round(2).tolist(),
            }
        )
        for box, label, score in zip(xyxy_to_xywh(boxes), labels, scores, strict=True):
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": number,
                    "category_id": int(label) + 1,
                    "bbox": box.round(2).tolist(),
                    "area": round(float(box[2] * box[3]), 2),
                    "iscrowd": 0,
                    "score": round(float(score), 4),
                }
            )
    if not rows:
        raise RefinezooError(
            f"expected photos in which the detector is sure of something, received {len(files)} "
            f"photos of {root} without a score of {score_threshold}. Lower score_threshold, or "
            "train the detector longer."
        )
    categories = [{"id": k + 1, "name": name} for k, name in enumerate(names)]
    write_json(out, {"images": images, "annotations": rows, "categories": categories})
    counts = Counter(names[row["category_id"] - 1] for row in rows)
    return {"photos": len(files), "kept": len(images), "boxes": dict(counts)}


def uncovered(boxes_xyxy: np.ndarray, height: float, width: float) -> np.ndarray:
    """The rest of an image: float32 [M, 4] xywh without overlap, for boxes [N, 4] inside of it."""
    boxes = np.asarray(boxes_xyxy, "float32")
    edges = np.unique([0.0, height, *boxes[:, 1], *boxes[:, 3]])
    rest = []
    for top, bottom in zip(edges[:-1], edges[1:], strict=True):
        left = 0.0
        across = boxes[(boxes[:, 1] < bottom) & (boxes[:, 3] > top)]
        for start, end in sorted(across[:, [0, 2]].tolist()) + [[width, width]]:
            if start > left:
                rest.append([left, top, start - left, bottom - top])
            left = max(left, end)
    return np.array(rest, "float32").reshape(-1, 4)


def _sure(found: dict, score_threshold: float, height: int, width: int):
    """Boxes xyxy, labels and scores of one image's sure detections, none on top of another."""
    count = int(found["count"][0])
    boxes = clip_boxes(np.asarray(found["boxes"][0][:count], "float32"), height, width)
    labels, scores = found["classes"][0][:count], found["scores"][0][:count]
    solid = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= 1.0
    kept: list[int] = []
    for k in np.argsort(-scores, kind="stable"):
        if scores[k] < score_threshold:
            break
        free = not kept or pairwise_iou(boxes[k : k + 1], boxes[kept]).max() < 0.5
        if solid[k] and free:
            kept.append(int(k))
    return boxes[kept], labels[kept], scores[kept]
