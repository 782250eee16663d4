r"""The label-preservation score: are the labels of a render still true after refining it?

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
  circular distance of the CIELAB hue angles, in turns, and $w = \sqrt{(C_s - 10)_+ (C_r - 10)_+}$,
  so that greys under another white balance do not count: 0 from 90 degrees.
* **contrast**: does the object still stand out? With $\delta$ the CIELAB distance between the mean
  colours of an object and of the ring around it, $\min(1, (\delta_r + 4) / (\delta_s + 4))$,
  averaged over the objects; 1 where nothing is labelled.

Further numbers are no factors of the score; a calibrated gate (`calibration.py`) judges by them
too. **background** tells of things that a refiner paints where nothing is labelled. It is
$1 / (1 + e / 8)$ with $e$ the most of new edges, $|g_r| (1 - [g_s{\cdot}g_r / |g_r|^2]_0^1)$ in
levels per pixel, averaged over a square of a tenth of the image beside the objects.
**worst_colour** tells of one object in another colour, also of a grey one: $1 / (1 + d / 10)$ with
$d$ the most, over the objects, of the mean change of $(a, b)$ that is not the image's
(`colour_change.py`); **background_colour** is the same of squares of the background.

An unchanged image scores 1. On the packaged photos brightness, warmth, JPEG and slight blur score
0.75 to 0.97, flipping, shuffling, inverting and turning the hue by 90 degrees or more below 0.3.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.refinement.colour_change import most_change, own_change
from refinezoo.refinement.regions import beside_objects, objects_of

_EDGE_FLOOR = 0.5  # levels per pixel: gradients of this size are noise
_GREY = 10.0  # CIELAB chroma up to which a colour counts as grey: another white balance
_CHROMA_FLOOR = 2.0
_CONTRAST_FLOOR = 4.0
_COLOUR = 10.0  # CIELAB distance at which the worst colour is 1/2
_NEW_EDGES = 8.0  # levels per pixel at which the background part is 1/2


@dataclass(frozen=True)
class GateScore:
    """The score of one image and its parts, all in [0, 1].

    Attributes:
        score: structure x hue x contrast.
        structure: edges found again, mean over the objects.
        hue: circular hue kept.
        contrast: object against its ring kept.
        worst_object: the lowest structure of any one object.
        background: no new edges where nothing is labelled; not in the score.
        worst_colour: no object has changed colour otherwise than the image; not in the score.
        background_colour: nor has any square of the background; not in the score.
        objects: of each object its share of the image, structure and colour.
    """

    score: float
    structure: float
    hue: float
    contrast: float
    worst_object: float
    background: float = 1.0
    worst_colour: float = 1.0
    background_colour: float = 1.0
    objects: tuple[tuple[float, float, float], ...] = ()

    def row(self) -> dict[str, float]:
        """The numbers as a manifest holds them, to 4 decimals."""
        numbers = asdict(replace(self, objects=()))
        return {key: round(value, 4) for key, value in numbers.items() if key != "objects"}


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
        self.objects, self.anywhere = objects_of(source.shape[:2], boxes_xyxy, foreground_mask)
        self.beside = beside_objects(self.anywhere, boxes_xyxy, foreground_mask)

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
        hue = _hue_kept(self.lab[self.anywhere], lab[self.anywhere])
        change = own_change(self.lab, lab)
        structures, contrasts, colours, rows = [], [], [], []
        for item in self.objects:
            at, inside = item.window, item.inside
            structures.append(_structure(self.gradients[at][inside], gradients[at][inside]))
            colours.append(_colour(float(np.linalg.norm(change[at][inside].mean(axis=0)))))
            if item.ring is not None:
                contrasts.append(_contrast_kept(self.lab[at], lab[at], inside, item.ring))
            rows.append((float(inside.sum() / lab[..., 0].size), structures[-1], colours[-1]))
        structure = float(np.mean(structures))
        contrast = float(np.mean(contrasts)) if contrasts else 1.0
        return GateScore(
            structure * hue * contrast,
            structure,
            hue,
            contrast,
            float(min(structures)),
            _background_kept(self.gradients, gradients, self.beside),
            min(colours),
            _colour(most_change(change, self.beside)),
            tuple(rows),
        )


def _colour(change: float) -> float:
    """1 where a colour has not changed, towards 0 with the CIELAB distance."""
    return float(1.0 / (1.0 + change / _COLOUR))


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


def _structure(s: np.ndarray, r: np.ndarray) -> float:
    """F2 of the edges found again; gradients float `[N, 2]` of the synthetic and refined image."""
    energy_s, energy_r = np.sum(s * s), np.sum(r * r)
    r = r * np.clip(np.sqrt((energy_s + 1e-6) / (energy_r + 1e-6)), 0.5, 2.0)
    dot = np.sum(s * r, axis=-1)
    size_s, size_r = np.linalg.norm(s, axis=-1), np.linalg.norm(r, axis=-1)
    recall = _found_again(dot, size_s)
    precision = _found_again(dot, size_r)
    return float(5 * precision * recall / (4 * precision + recall))


def _background_kept(s: np.ndarray, r: np.ndarray, beside: np.ndarray) -> float:
    """1 where no square of the background has edges that were not there, towards 0 with them."""
    import cv2

    if not beside.any():
        return 1.0
    energy_s, energy_r = np.sum(s[beside] ** 2), np.sum(r[beside] ** 2)
    r = r * np.clip(np.sqrt((energy_s + 1e-6) / (energy_r + 1e-6)), 0.5, 2.0)
    size = np.linalg.norm(r, axis=-1)
    new = size - np.clip(np.sum(s * r, axis=-1) / np.maximum(size, 1e-6), 0.0, size)
    side = max(9, min(beside.shape) // 10)
    counted, found = (
        cv2.boxFilter(array.astype(np.float32), -1, (side, side), borderType=cv2.BORDER_CONSTANT)
        for array in (beside, new * beside)
    )
    enough = counted > 0.4
    if not enough.any():
        return 1.0
    return float(1.0 / (1.0 + np.max(found[enough] / counted[enough]) / _NEW_EDGES))


def _found_again(dot: np.ndarray, size: np.ndarray) -> float:
    floor = _EDGE_FLOOR * len(size)
    # |g| [g.h / |g|^2]_0^1 = [g.h / |g|]_0^|g|
    found = np.clip(dot / np.maximum(size, 1e-6), 0.0, size)
    return float((found.sum() + floor) / (size.sum() + floor))


def _hue_kept(source: np.ndarray, refined: np.ndarray) -> float:
    a, b = source[:, 1:], refined[:, 1:]
    colourful = [np.maximum(np.linalg.norm(ab, axis=-1) - _GREY, 0.0) for ab in (a, b)]
    weight = np.sqrt(colourful[0] * colourful[1])
    turn = np.arctan2(a[:, 1], a[:, 0]) - np.arctan2(b[:, 1], b[:, 0])
    distance = np.abs(np.mod(turn + np.pi, 2 * np.pi) - np.pi) / (2 * np.pi)
    shift = np.sum(weight * distance) / (weight.sum() + _CHROMA_FLOOR * len(weight))
    return float(np.clip(1.0 - 4.0 * shift, 0.0, 1.0))


def _contrast_kept(
    source: np.ndarray, refined: np.ndarray, region: np.ndarray, ring: np.ndarray
) -> float:
    before, after = (
        float(np.linalg.norm(lab[region].mean(axis=0) - lab[ring].mean(axis=0)))
        for lab in (source, refined)
    )
    return min(1.0, (after + _CONTRAST_FLOOR) / (before + _CONTRAST_FLOOR))
