"""A detector's pseudo-labels, as a COCO file: sure boxes, and where nothing is known."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.config import read_json
from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError
from refinezoo.files import write_json
from refinezoo.tasks.detection.boxes import clip_boxes, pairwise_iou, xyxy_to_xywh
from refinezoo.tasks.pseudo_labels import check_kept

MADE_BY = "refinezoo label"


def sure_boxes(
    detector: Any, files: Sequence[Path], score_threshold: float
) -> tuple[dict[str, Any], list[Path], dict[str, Any]]:
    """COCO of the photos in which a detector is sure of something.

    Args:
        detector: a `Detector`, or an exported one.
        files: photos.
        score_threshold: least score of a box, in (0, 1].

    Returns:
        The file's content, in which images are called by their numbers; the photos that it names,
        in its order; and `photos` (how many were looked at), `kept`, and `boxes`: {class name: how
        many}.

    Raises:
        RefinezooError: nothing found.
    """
    names = list(detector.class_names)
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    kept: list[Path] = []
    for file in files:
        image = read_image(file)
        height, width = image.shape[:2]
        boxes, labels, scores = _sure(
            detector.predict([image], verbose=0), score_threshold, height, width
        )
        if not len(boxes):
            continue
        kept.append(file)
        number = len(kept)
        images.append(
            {
                "id": number,
                "file_name": f"images/{number:06d}{file.suffix.lower()}",
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
    counts = Counter(names[row["category_id"] - 1] for row in rows)
    coco = {"info": {"made_by": MADE_BY}, "images": images, "annotations": rows}
    summary = {"photos": len(files), "kept": len(kept), "boxes": dict(counts)}
    return {**coco, "categories": categories}, kept, summary


def write_with_copies(folder: Path, coco: dict[str, Any], photos: Sequence[Path]) -> None:
    """Writes `annotations.json`, with a copy of each photo of `sure_boxes` beside it."""
    (folder / "images").mkdir()
    for row, photo in zip(coco["images"], photos, strict=True):
        shutil.copyfile(photo, folder / row["file_name"])
    write_json(folder / "annotations.json", coco)


def check_own(out: Path) -> None:
    """Raises a RefinezooError where a file is that `refinezoo label` did not write."""
    if out.exists():
        found = read_json(out, 1 << 30)
        info = found.get("info") if isinstance(found, dict) else None
        if not isinstance(info, dict) or info.get("made_by") != MADE_BY:
            raise RefinezooError(
                f"expected a new file, or one that {MADE_BY} wrote, received {str(out)!r}, which "
                "would be lost. Give another name."
            )


def write_beside(out: Path, coco: dict[str, Any], photos: Sequence[Path], root: Path) -> None:
    """Writes the COCO file alone, with the photos' names below `root`."""
    for row, photo in zip(coco["images"], photos, strict=True):
        row["file_name"] = photo.relative_to(root).as_posix()
    write_json(out, coco)


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
