"""Whether names or pixels say that an image is a label: ids, class colours, depth, normals."""

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np

from refinezoo.data.decode import LOSSY, decode
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
CLASS_WORDS = frozenset(  # which are names of classes, too: NORMAL and PNEUMONIA, with_mask
    "normal mask edge labelled labeled background backgrounds foreground motion".split()
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ENDS = re.compile(r".{2,}(masks?|annots?|labels?|depth|normals?|seg|segmentations?)$")
_SAMPLES = 8
_MOST_PIXELS = 1 << 19  # that colours are counted of
_SMALL = 1 << 15  # pixels: 160 x 120 and the like


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
    try:
        found = decode(path)
    except RefinezooError:
        return None
    values = found.values
    if values.ndim == 2 and values.dtype not in (np.uint8, bool):
        return True
    if found.header.format in LOSSY:
        return values.dtype == np.uint8 and few_colours(values)
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
    """What the pixels of a tree say of some of its images; each is decoded once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, bool | None] = {}
        self._looks: dict[str, _Look | None] = {}

    def seen(self, names: Sequence[str]) -> list[bool]:
        """Whether each of a few readable images, spread over the series, looks like a label."""
        some = _spread(names)
        for name in some:
            if name not in self.known:
                self.known[name] = label_like(self.root / name)
        return [like for name in some if (like := self.known[name]) is not None]

    def same_scenes(self, first: Sequence[str], second: Sequence[str]) -> bool:
        """Whether images of equal names (numbers, in one folder) show the same, differently.

        A render and its depth or albedo have their edges in common (correlation 0.2 to 0.6 on our
        rooms); two scenes do not (under 0.1), images of products on white in part. Or those of one
        series have no colour and those of the other have.
        """
        pairs = [(self._look(name), self._look(other)) for name, other in _fellows(first, second)]
        seen = [(a, b) for a, b in pairs if a is not None and b is not None]
        if not seen:
            return False
        grey = {(a.grey, b.grey) for a, b in seen}
        alike = float(np.median([_correlation(a.edges, b.edges) for a, b in seen]))
        return alike > 0.3 or grey == {(True, False)} or grey == {(False, True)}

    def grey(self, names: Sequence[str]) -> bool:
        """Whether all of a few images of a series have no colour."""
        return all(look is None or look.grey for look in map(self._look, _spread(names)))

    def _look(self, name: str) -> "_Look | None":
        if name not in self._looks:
            try:
                image = read_image(self.root / name)
            except RefinezooError:
                self._looks[name] = None
            else:
                self._looks[name] = _Look(_edges(image), not np.ptp(image, axis=-1).any())
        return self._looks[name]


class _Look(NamedTuple):
    """An image's edges, small, and whether its three channels are equal."""

    edges: np.ndarray
    grey: bool


def few_colours(values: np.ndarray) -> bool:
    """Whether uint8 pixels had few colours in flat areas before lossy compression.

    Of pixels outside the most frequent colour (a sky, white paper) either 90 % have one of 48
    colours after a median filter, or 35 % a colour that stands alone: more than half of the pixels
    within 8 levels lie within 2 levels of it. Medians at JPEG qualities of 40 to 95: class colours
    of roads and rooms 47 to 82 %, photos and renders of all our sets under 10 %.
    """
    values = values[..., None] if values.ndim == 2 else values
    rgb = values[..., [0, 1, 2] if values.shape[2] > 2 else [0, 0, 0]]
    step = int(np.ceil(np.sqrt(rgb.shape[0] * rgb.shape[1] / _MOST_PIXELS)))
    pixels = cv2.medianBlur(np.ascontiguousarray(rgb), 5)[::step, ::step].reshape(-1, 3)
    exact = np.sort(_counted(pixels)[1])[::-1]
    if exact[1:48].sum() >= 0.9 * (len(pixels) - exact[0]):
        return True
    if _alone(pixels, 0.5) > 0.35:
        return True
    return rgb.shape[0] * rgb.shape[1] < _SMALL and _flat_and_alone(rgb)


def _alone(pixels: np.ndarray, part: float) -> float:
    """The share of pixels, outside the most frequent colour, of colours that stand alone.

    Of the pixels within 8 levels of such a colour at least `part` lie within 2 levels of it.
    """
    bins, counts = _counted(pixels // 2)
    left, alone, most = np.ones(len(bins), bool), 0, 0
    for index in np.argsort(-counts)[:400]:
        if counts[index] < 0.001 * len(pixels):
            break
        if left[index]:
            distance = np.abs(bins - bins[index]).max(axis=1)
            near, around = counts[distance <= 1].sum(), counts[distance <= 4].sum()
            left &= distance > 4
            alone += near if most and near > part * around else 0
            most = most or near
    return float(alone / max(1, len(pixels) - most))


def _flat_and_alone(rgb: np.ndarray) -> bool:
    """As `_alone`, of small images, whose regions are mostly edge: in flat regions only.

    Flat is a square of 7 pixels within 4 levels. At 160 x 120 and JPEG qualities of 40 to 90, 90 %
    of the class colours of streets and rooms are so, and at most 5 % of each of our sets of photos
    and renders; of products in front of white 15 %.
    """
    square = np.ones((7, 7), np.uint8)
    flat = (cv2.dilate(rgb, square) - cv2.erode(rgb, square)).max(axis=-1) <= 4
    pixels = rgb[flat]
    if len(pixels) < 0.04 * flat.size:
        return False
    most = int(_counted(pixels // 2)[1].max())
    rest = (len(pixels) - most) / (flat.size - most)
    return rest > 0.04 and _alone(pixels, 0.8) > 0.75


def _counted(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different colours, int [K, 3], and how often each is there."""
    red, green, blue = (pixels[:, k].astype(np.int64) for k in range(3))
    codes, counts = np.unique((red << 16) + (green << 8) + blue, return_counts=True)
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1), counts


def _are_normals(values: np.ndarray) -> bool:
    """Whether RGB is a unit vector in nearly all pixels, as in images of surface normals."""
    if values.ndim != 3 or values.shape[2] < 3 or values.dtype != np.uint8:
        return False
    small = cv2.resize(values[..., :3], (64, 64), interpolation=cv2.INTER_NEAREST)
    length = np.linalg.norm(small.astype(np.float32) / 127.5 - 1, axis=-1)
    return bool((np.abs(length - 1) < 0.06).mean() > 0.9 and small.std() > 8)


def _fellows(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]]:
    """A few pairs out of two series; none where fewer than half have a fellow."""
    paths = [[PurePosixPath(name) for name in names] for names in (first, second)]
    together = paths[0][0].parent == paths[1][0].parent
    keys = [[re.findall(r"\d+", p.stem) if together else [p.stem] for p in some] for some in paths]
    beside = {tuple(key): name for key, name in zip(keys[1], second, strict=True) if key}
    pairs = [(name, beside.get(tuple(key))) for key, name in zip(keys[0], first, strict=True)]
    found = [(name, other) for name, other in pairs if other]
    return _spread(found) if 2 * len(found) >= len(first) else []


def _spread(things: Sequence) -> list:
    """A few, evenly from first to last."""
    indices = np.linspace(0, len(things) - 1, min(_SAMPLES, len(things))).round().astype(int)
    return [things[index] for index in indices]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two arrays; 0 where they cannot be compared."""
    if first.shape != second.shape or not (first.std() > 0 and second.std() > 0):
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def _edges(image: np.ndarray) -> np.ndarray:
    scale = min(1.0, 256 / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(small.astype(np.float32).mean(axis=2), (0, 0), 1.0)
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
