"""A detector's pseudo-labels, as a COCO file: sure boxes, and where nothing is known."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.images import read_image
from refinezoo.files import write_json
from refinezoo.tasks.detection.boxes import clip_boxes, pairwise_iou, xyxy_to_xywh
from refinezoo.tasks.pseudo_labels import check_kept


def sure_boxes(
    detector: Any, files: Sequence[Path], root: Path, out: str | os.PathLike, score_threshold: float
) -> dict[str, Any]:
    """Writes a COCO file of the photos in which a detector is sure of something.

    Args:
        detector: a `Detector`, or an exported one.
        files: photos.
        root: file names in the COCO file are relative to it.
        out: the JSON file to write.
        score_threshold: least score of a box, in (0, 1].

    Returns:
        `photos` (how many were looked at), `kept`, and `boxes`: {class name: how many}.

    Raises:
        RefinezooError: nothing found.
    """
    names = list(detector.class_names)
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for file in files:
        image = read_image(file)
        height, width = image.shape[:2]
        boxes, labels, scores = _sure(
            detector.predict([image], verbose=0), score_threshold, height, width
        )
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
    check_kept(len(images), len(files), "detector", score_threshold)
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
