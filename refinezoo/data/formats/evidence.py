"""Whether names or pixels say that a picture is a label: ids, class colours, depth, normals."""

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from refinezoo.data.decode import LOSSY, SUFFIXES, decode
from refinezoo.data.formats.base import RENDER_FOLDERS
from refinezoo.data.images import read_image
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
_SAMPLES = 8
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


def label_like(path: str | os.PathLike) -> bool | None:
    """Whether pixels are those of a label; None where they cannot be read.

    Labels have few values in flat areas, are grey of 16 bits or float, or unit normals.
    """
    if os.fspath(path).lower().endswith(_LOSSY_SUFFIXES):
        return False
    try:
        found = decode(path)
    except RefinezooError:
        return None
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


class Evidence:
    """What the pixels of a tree say of some of its pictures; each is decoded once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, bool | None] = {}

    def seen(self, names: Sequence[str]) -> list[bool]:
        """Whether each of a few readable pictures, spread over the series, looks like a label."""
        some = _spread(names)
        for name in some:
            if name not in self.known:
                self.known[name] = label_like(self.root / name)
        return [like for name in some if (like := self.known[name]) is not None]

    def same_scenes(self, first: Sequence[str], second: Sequence[str]) -> bool:
        """Whether pictures of equal names in two folders have their edges in common.

        So do a render and its depth (correlation 0.2 to 0.6 on our rooms) or albedo; two scenes do
        not (under 0.1), pictures of goods on white in part.
        """
        beside = {PurePosixPath(name).stem: name for name in second}
        pairs = [(name, beside.get(PurePosixPath(name).stem)) for name in first]
        pairs = [(name, other) for name, other in pairs if other]
        if 2 * len(pairs) < len(first):
            return False
        found = [
            _edges_alike(self.root / name, self.root / str(other)) for name, other in _spread(pairs)
        ]
        return float(np.median(found)) > 0.3


def _are_normals(values: np.ndarray) -> bool:
    """Whether RGB is a unit vector in nearly all pixels, as in pictures of surface normals."""
    if values.ndim != 3 or values.shape[2] < 3 or values.dtype != np.uint8:
        return False
    small = cv2.resize(values[..., :3], (64, 64), interpolation=cv2.INTER_NEAREST)
    length = np.linalg.norm(small.astype(np.float32) / 127.5 - 1, axis=-1)
    return bool((np.abs(length - 1) < 0.06).mean() > 0.9 and small.std() > 8)


def _spread(things: Sequence) -> list:
    """A few, evenly from first to last."""
    places = np.linspace(0, len(things) - 1, min(_SAMPLES, len(things))).round().astype(int)
    return [things[place] for place in places]


def _edges_alike(first: Path, second: Path) -> float:
    """The correlation of two pictures' gradients; 0 where they cannot be compared."""
    try:
        edges = [_edges(read_image(path)) for path in (first, second)]
    except RefinezooError:
        return 0.0
    if edges[0].shape != edges[1].shape or not all(edge.std() > 0 for edge in edges):
        return 0.0
    return float(np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1])


def _edges(image: np.ndarray) -> np.ndarray:
    scale = min(1.0, 256 / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(small.astype(np.float32).mean(axis=2), (0, 0), 1.0)
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
