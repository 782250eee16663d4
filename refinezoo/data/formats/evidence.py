"""Whether names or pixels say that a picture is a label: ids, class colours, depth, normals."""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from refinezoo.data.decode import LOSSY, SUFFIXES, decode
from refinezoo.data.formats.base import RENDER_FOLDERS
from refinezoo.errors import RefinezooError

LABEL_WORDS = frozenset(
    "mask masks matte mattes trimap silhouette seg segs segm segmentation segmentations semantic "
    "semantics semseg instance instances inst panoptic label labels labelled labeled annot annots "
    "annotation annotations gt groundtruth truth depth depths disparity disp normal normals flow "
    "motion optical occlusion occlusions albedo alpha id ids index indices trainid trainids "
    "labelid labelids instanceid instanceids classgt instancegt parsing stencil uv xyz nocs "
    "coordinates keypoints heatmap heatmaps "
    "background backgrounds distance vectors lidar visib segmentationclass segmentationobject "
    "polygons edges edge saliency foreground".split()
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ENDS = re.compile(r".{2,}(masks?|annots?|labels?|depth|normals?|seg|segmentations?)$")
_SAMPLES = 5
_LOSSY_SUFFIXES = (*SUFFIXES["JPEG"], *SUFFIXES["JPEG2000"])


def words(name: str) -> list[str]:
    """The words of a name, split at anything but letters and at capitals, in small letters."""
    return [word.lower() for word in _WORDS.findall(name) if not word.isdigit()]


def names_labels(name: str) -> bool:
    """Whether a folder's or file's name says that it holds labels."""
    found = words(name)
    return any(word in LABEL_WORDS or _ENDS.match(word) for word in found)


def in_label_folder(name: str) -> bool:
    """Whether a folder of a path says label; the nearest one that says anything decides."""
    for part in reversed(PurePosixPath(name).parts[:-1]):
        if part.lower() in RENDER_FOLDERS:
            return False
        if names_labels(part):
            return True
    return False


def label_like(path: str | os.PathLike) -> bool:
    """Whether pixels are those of a label; False where they cannot be read.

    Labels have few values in flat areas, are grey of 16 bits or float, or unit normals.
    """
    if os.fspath(path).lower().endswith(_LOSSY_SUFFIXES):
        return False
    try:
        found = decode(path)
    except RefinezooError:
        return False
    values = found.values
    if found.header.format in LOSSY:
        return False
    if values.ndim == 2 and values.dtype not in (np.uint8, bool):
        return True
    if values.ndim == 3 and values.dtype == np.uint16 and values.shape[2] >= 3:
        values = values[..., :3]
    values = values.astype(np.int64)
    if values.ndim == 3:
        values = (
            values @ (1 << 16) ** np.arange(values.shape[2])[:4]
            if values.shape[2] < 4
            else (values[..., :3] @ (1 << 16) ** np.arange(3))
        )
    flat = float((values[:, 1:] == values[:, :-1]).mean()) if values.shape[1] > 1 else 0.0
    count = len(np.unique(values))
    if (count <= 64 and flat > 0.7) or (count <= 256 and flat > 0.95):
        return True
    return _are_normals(found.values)


def series_is_label_like(paths: Iterable[Path]) -> bool:
    """Whether most of a few pictures, spread over the series, look like labels."""
    paths = list(paths)
    step = max(1, len(paths) // _SAMPLES)
    seen = [label_like(path) for path in paths[::step][:_SAMPLES]]
    return sum(seen) > len(seen) / 2


def _are_normals(values: np.ndarray) -> bool:
    """Whether RGB is a unit vector in nearly all pixels, as in pictures of surface normals."""
    if values.ndim != 3 or values.shape[2] < 3 or values.dtype != np.uint8:
        return False
    small = cv2.resize(values[..., :3], (64, 64), interpolation=cv2.INTER_NEAREST)
    length = np.linalg.norm(small.astype(np.float32) / 127.5 - 1, axis=-1)
    return bool((np.abs(length - 1) < 0.06).mean() > 0.9 and small.std() > 8)
