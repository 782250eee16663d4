r"""The label-preservation gate: are the labels of a render still true after refining it?

Three parts in [0, 1], none of which needs a label of the refined image; their product is the score.
With $g_s, g_r$ the gradients of the blurred luminance (sigma 1) of the synthetic and the refined
image, inside an object region $\Omega$ (a labelled box, the foreground mask, or the whole image):

* **structure**: are the edges still where they were? $g_r$ is first scaled by
  $a = \sqrt{\sum|g_s|^2 / \sum|g_r|^2}$, clipped to [1/2, 2], so that contrast alone costs little.
  Recall is the share of the synthetic edges found again, with their direction and polarity,
  $R = (\sum |g_s| \, [a\, g_s{\cdot}g_r / |g_s|^2]_0^1 + \epsilon) / (\sum |g_s| + \epsilon)$;
  precision $P$ is the same with $s$ and $r$ exchanged (edges that were not there before).
  The part is $F_2 = 5PR / (4P + R)$, averaged over the objects.
* **hue**: is it still the same colour? $1 - 4 \sum w\,d / (\sum w + \epsilon)$ with $d$ the
  circular distance of the CIELAB hue angles, in turns, and $w = \sqrt{C_s C_r}$ the chroma: 0 from
  90 degrees.
* **contrast**: does the object still stand out? With $\delta$ the CIELAB distance between the mean
  colours of an object and of the ring around it, $\min(1, (\delta_r + 4) / (\delta_s + 4))$,
  averaged over the objects; 1 where nothing is labelled.

An unchanged image scores 1. Blurring away, moving, flipping, inverting or recolouring lowers it.
"""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from refinezoo.errors import RefinezooError

ACTIONS = ("keep", "blend", "drop")
_BLENDS = (0.8, 0.6, 0.45, 0.3, 0.2, 0.1)  # shares of the asked strength, tried in this order
_EDGE_FLOOR = 0.5  # levels per pixel: gradients of this size are noise
_CHROMA_FLOOR = 2.0  # CIELAB units
_CONTRAST_FLOOR = 4.0


@dataclass(frozen=True)
class GateScore:
    """The score of one image and its parts, all in [0, 1].

    Attributes:
        score: structure x hue x contrast.
        structure: edges found again, mean over the objects.
        hue: circular hue kept.
        contrast: object against its ring kept.
        worst_object: the lowest structure of any one object.
    """

    score: float
    structure: float
    hue: float
    contrast: float
    worst_object: float

    def row(self) -> dict[str, float]:
        """The numbers as a manifest holds them, to 4 decimals."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Gate:
    """What to do with an image whose labels may no longer be true.

    Args:
        keep: score from which an image is taken as it is.
        drop: score below which its refinement is not used: the source file takes its place, because
            the annotations, carried byte for byte, still name it. The manifest lists it as dropped.
        action: for scores below `keep` and from `drop` on: `"keep"` only notes it (also below
            `drop`), `"blend"` lowers the strength until the score reaches `keep`, else drops;
            `"drop"` drops.
    """

    keep: float = 0.5
    drop: float = 0.25
    action: Literal["keep", "blend", "drop"] = "blend"

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise RefinezooError(f"expected action of {ACTIONS}, received {self.action!r}.")
        if not 0.0 <= self.drop <= self.keep <= 1.0:
            raise RefinezooError(
                f"expected 0 <= drop <= keep <= 1, received drop={self.drop}, keep={self.keep}."
            )

    def judge(
        self,
        source: np.ndarray,
        refined: np.ndarray,
        boxes_xyxy: np.ndarray | None = None,
        foreground_mask: np.ndarray | None = None,
    ) -> tuple[str, float, GateScore]:
        """Scores a refined image and decides.

        Args:
            source: the render, uint8 `[H, W, 3]`.
            refined: uint8 of the same shape.
            boxes_xyxy: float `[N, 4]`, pixels, or None.
            foreground_mask: float `[H, W]`, 1 = object, or None.

        Returns:
            The verdict (`"keep"`, `"flag"`, `"blend"` or `"drop"`), the share of the difference to
            keep (1, less for blend, 0 for drop), and the score of the image as refined.
        """
        scorer = Scorer(source, boxes_xyxy, foreground_mask)
        score = scorer.score(refined)
        if score.score >= self.keep:
            return "keep", 1.0, score
        if self.action == "keep":
            return "flag", 1.0, score
        if self.action == "drop" or score.score < self.drop:
            return "drop", 0.0, score
        for share in _BLENDS:
            if scorer.score(blend(source, refined, share)).score >= self.keep:
                return "blend", share, score
        return "drop", 0.0, score


def blend(source: np.ndarray, refined: np.ndarray, strength: float | np.ndarray) -> np.ndarray:
    """`source + strength (refined - source)`, rounded; uint8. A strength of 1 returns `refined`."""
    mixed = source + strength * (refined.astype(np.float32) - source)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def score_image(
    source: np.ndarray,
    refined: np.ndarray,
    boxes_xyxy: np.ndarray | None = None,
    foreground_mask: np.ndarray | None = None,
) -> GateScore:
    """The gate's score of one image; arguments as in `Gate.judge`."""
    return Scorer(source, boxes_xyxy, foreground_mask).score(refined)


class Scorer:
    """Scores refinements of one source image; what depends on the source alone is done once."""

    def __init__(
        self,
        source: np.ndarray,
        boxes_xyxy: np.ndarray | None = None,
        foreground_mask: np.ndarray | None = None,
    ):
        self.shape = source.shape
        self.gradients = _gradients(source)
        self.lab = _lab(source)
        self.objects, self.rings = _regions(source.shape[:2], boxes_xyxy, foreground_mask)
        self.anywhere = np.any(self.objects, axis=0)

    def score(self, refined: np.ndarray) -> GateScore:
        """Scores uint8 `[H, W, 3]` against the source.

        Raises:
            RefinezooError: for another size.
        """
        if refined.shape != self.shape:
            raise RefinezooError(
                f"expected the refined image to have the shape of its source, {self.shape}, "
                f"received {refined.shape}."
            )
        gradients, lab = _gradients(refined), _lab(refined)
        structures = [_structure(self.gradients, gradients, region) for region in self.objects]
        hue = _hue_kept(self.lab[self.anywhere], lab[self.anywhere])
        contrasts = [
            _contrast_kept(self.lab, lab, region, ring)
            for region, ring in zip(self.objects, self.rings, strict=True)
            if ring is not None
        ]
        structure = float(np.mean(structures))
        contrast = float(np.mean(contrasts)) if contrasts else 1.0
        return GateScore(
            structure * hue * contrast, structure, hue, contrast, float(min(structures))
        )


def _gradients(image: np.ndarray) -> np.ndarray:
    """Luminance gradient, levels per pixel: float32 `[H, W, 2]`."""
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    luminance = cv2.GaussianBlur(grey, (0, 0), 1.0)
    across = cv2.Sobel(luminance, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(luminance, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.dstack([across, down])


def _lab(image: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)


def _regions(
    shape: tuple[int, int], boxes: np.ndarray | None, mask: np.ndarray | None
) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
    """Per object its pixels and the ring around it (None where there is too little of it)."""
    import cv2

    height, width = shape
    objects: list[np.ndarray] = []
    outer: list[np.ndarray] = []
    foreground = None if mask is None else np.asarray(mask).reshape(shape) > 0.5
    for x0, y0, x1, y1 in np.zeros((0, 4)) if boxes is None else np.asarray(boxes):
        margin = max(3.0, 0.2 * min(x1 - x0, y1 - y0))
        inside = _box(shape, x0, y0, x1, y1)
        if foreground is not None and (inside & foreground).sum() >= 16:
            inside &= foreground
        if inside.any():
            objects.append(inside)
            outer.append(_box(shape, x0 - margin, y0 - margin, x1 + margin, y1 + margin))
    if not objects and foreground is not None and foreground.any():
        reach = 2 * max(3, round(0.05 * min(height, width))) + 1
        objects.append(foreground)
        outer.append(cv2.dilate(foreground.astype(np.uint8), np.ones((reach, reach))) > 0)
    if not objects:
        return [np.ones(shape, bool)], [None]
    anywhere = np.any(objects, axis=0) if foreground is None else foreground
    rings = [around & ~anywhere for around in outer]
    return objects, [ring if ring.sum() >= 10 else None for ring in rings]


def _box(shape: tuple[int, int], x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    region = np.zeros(shape, bool)
    region[max(0, round(y0)) : max(0, round(y1)), max(0, round(x0)) : max(0, round(x1))] = True
    return region


def _structure(source: np.ndarray, refined: np.ndarray, region: np.ndarray) -> float:
    s, r = source[region], refined[region]
    energy_s, energy_r = np.sum(s * s), np.sum(r * r)
    r = r * np.clip(np.sqrt((energy_s + 1e-6) / (energy_r + 1e-6)), 0.5, 2.0)
    dot = np.sum(s * r, axis=-1)
    size_s, size_r = np.linalg.norm(s, axis=-1), np.linalg.norm(r, axis=-1)
    recall = _found_again(dot, size_s)
    precision = _found_again(dot, size_r)
    return float(5 * precision * recall / (4 * precision + recall))


def _found_again(dot: np.ndarray, size: np.ndarray) -> float:
    floor = _EDGE_FLOOR * len(size)
    # |g| [g.h / |g|^2]_0^1 = [g.h / |g|]_0^|g|
    found = np.clip(dot / np.maximum(size, 1e-6), 0.0, size)
    return float((found.sum() + floor) / (size.sum() + floor))


def _hue_kept(source: np.ndarray, refined: np.ndarray) -> float:
    a, b = source[:, 1:], refined[:, 1:]
    weight = np.sqrt(np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    turn = np.arctan2(a[:, 1], a[:, 0]) - np.arctan2(b[:, 1], b[:, 0])
    distance = np.abs(np.mod(turn + np.pi, 2 * np.pi) - np.pi) / (2 * np.pi)
    shift = np.sum(weight * distance) / (weight.sum() + _CHROMA_FLOOR * len(weight))
    return float(np.clip(1.0 - 4.0 * shift, 0.0, 1.0))


def _contrast_kept(
    source: np.ndarray, refined: np.ndarray, region: np.ndarray, ring: np.ndarray
) -> float:
    before, after = (
        np.linalg.norm(lab[region].mean(axis=0) - lab[ring].mean(axis=0))
        for lab in (source, refined)
    )
    return float(min(1.0, (after + _CONTRAST_FLOOR) / (before + _CONTRAST_FLOOR)))
