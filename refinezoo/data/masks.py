"""Foreground masks of images that have none: subtract background templates, or guess by GrabCut.

Reference: Wang et al. 2019 (arXiv 1904.12294) subtract pre-collected background templates; their
thresholds are not published, so the numbers here are ours.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from refinezoo.errors import RefinezooError


class BackgroundTemplates:
    """Finds what differs from images of the empty scene, taken by the same fixed camera.

    d(p) = min over templates k of max over channels c of |blur(I) - gain_k * blur(T_k)|. The gain
    per channel is the commonest ratio of image to template, so that other light does not count
    as difference even where objects cover half of the image. Then a threshold, 3 x 3 opening,
    7 x 7 closing, holes filled, specks dropped.

    Args:
        templates: uint8 [H, W, 3] images of the empty scene, one or more, of one size.
        threshold: "otsu" (between `otsu_range`) or a distance in grey levels, 0 to 255.
        otsu_range: bounds of Otsu's threshold; without a lower bound it would split the noise of
            an empty image.
        blur: sigma in pixels.
        min_area: share of the image below which a region is a speck.

    Raises:
        RefinezooError: no templates, wrong type, or different sizes.
    """

    def __init__(
        self,
        templates: Sequence[np.ndarray] | np.ndarray,
        threshold: float | str = "otsu",
        *,
        otsu_range: tuple[float, float] = (12.0, 24.0),
        blur: float = 0.8,
        min_area: float = 0.001,
    ) -> None:
        if len(templates) == 0:
            raise RefinezooError(
                "expected one or more background templates (images of the empty scene), "
                "received none."
            )
        for template in templates:
            _check_image(template, "a background template")
        sizes = {template.shape for template in templates}
        if len(sizes) > 1:
            raise RefinezooError(
                f"expected background templates of one size, received {sorted(sizes)}. "
                "They must come from one fixed camera."
            )
        if threshold != "otsu" and not (isinstance(threshold, int | float) and 0 < threshold < 255):
            raise RefinezooError(
                f'expected threshold "otsu" or a number between 0 and 255, received {threshold!r}.'
            )
        self.threshold = threshold
        self.otsu_range = otsu_range
        self.blur = blur
        self.min_area = min_area
        self.templates = [self._smooth(template) for template in templates]

    def mask(self, image: np.ndarray) -> np.ndarray:
        """The foreground of an image.

        Args:
            image: uint8 [H, W, 3] of the templates' size.

        Returns:
            float32 [H, W, 1], 1 = object.

        Raises:
            RefinezooError: another size or type.
        """
        distance = self.distance(image)
        threshold = self.threshold
        if threshold == "otsu":
            grey = np.clip(distance, 0, 255).astype(np.uint8)
            otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
            threshold = float(np.clip(otsu, *self.otsu_range))
        mask = (distance > threshold).astype(np.uint8)
        return clean_mask(mask, self.min_area)[..., None].astype(np.float32)

    __call__ = mask

    def distance(self, image: np.ndarray) -> np.ndarray:
        """d(p) in grey levels: float32 [H, W]."""
        _check_image(image, "an image")
        expected = self.templates[0].shape
        if image.shape != expected:
            raise RefinezooError(
                f"expected an image of the templates' size {list(expected)}, received "
                f"{list(image.shape)}. Templates must come from the same fixed camera; resize "
                "both the same way."
            )
        smooth = self._smooth(image)
        distances = [
            np.abs(smooth - np.clip(template * illumination_gain(smooth, template), 0, 255)).max(2)
            for template in self.templates
        ]
        return np.min(distances, axis=0)

    def _smooth(self, image: np.ndarray) -> np.ndarray:
        image = image.astype(np.float32)
        return cv2.GaussianBlur(image, (0, 0), self.blur) if self.blur else image


def illumination_gain(image: np.ndarray, template: np.ndarray) -> np.ndarray:
    """The light of an image relative to a template, per channel.

    The mode of the log ratio, then the median of the pixels near it in every channel.

    Args:
        image: float32 [H, W, 3], 0 to 255.
        template: float32 [H, W, 3], 0 to 255.

    Returns:
        float32 [3].
    """
    usable = (np.minimum(image, template).min(2) > 10) & (np.maximum(image, template).max(2) < 250)
    if usable.mean() < 0.02:
        return np.ones(3, np.float32)
    ratio = np.log(image[usable] / template[usable])
    ratio = ratio[:: max(1, len(ratio) // 8000)]
    edges = np.linspace(-1.5, 1.5, 76)
    smooth = np.ones(3) / 3
    centres = (edges[1:] + edges[:-1]) / 2
    gain = np.array(
        [
            centres[np.argmax(np.convolve(np.histogram(ratio[:, c], edges)[0], smooth, "same"))]
            for c in range(3)
        ]
    )
    for _ in range(4):
        near = (np.abs(ratio - gain) < 0.12).all(axis=1)
        if near.sum() < 0.01 * len(near):
            break
        gain = np.median(ratio[near], axis=0)
    return np.exp(gain).astype(np.float32)


def clean_mask(mask: np.ndarray, min_area: float = 0.001) -> np.ndarray:
    """3 x 3 opening, 7 x 7 closing, holes filled, regions under `min_area` of the image dropped.

    Args:
        mask: uint8 [H, W], 0 or 1.
        min_area: share of the image.

    Returns:
        uint8 [H, W], 0 or 1.
    """
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    count, regions, stats, _ = cv2.connectedComponentsWithStats(filled, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= min_area * mask.size
    large[0] = False
    return large[regions].astype(np.uint8) if count > 1 else filled


def grabcut_mask(
    image: np.ndarray, box_xywh: Sequence[float] | None = None, *, working_size: int = 64
) -> np.ndarray:
    """A guess for a photo without a template: GrabCut from a box, or from a prior in the middle.

    Works at a reduced size. Where GrabCut fails (a flat image, a box of no pixels) the prior
    itself is returned, so that this never raises on a valid image.

    Args:
        image: uint8 [H, W, 3].
        box_xywh: the object's box in pixels; None expects one large object in the middle.
        working_size: longer side in pixels while cutting.

    Returns:
        float32 [H, W, 1], 1 = object.

    Raises:
        RefinezooError: no uint8 RGB image.
    """
    _check_image(image, "an image")
    height, width = image.shape[:2]
    scale = min(1.0, working_size / max(height, width))
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    scales = np.array([size[0] / width, size[1] / height] * 2)
    box = None if box_xywh is None else np.asarray(box_xywh, np.float64) * scales
    trimap = _trimap(size, box)
    prior = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD))
    cv2.setRNGSeed(0)  # its k-means starts at random
    cut = trimap.copy()
    try:
        models = np.zeros((1, 65)), np.zeros((1, 65))
        everywhere = (0, 0, 0, 0)  # not looked at: the mask says where
        cv2.grabCut(small, cut, everywhere, *models, 3, cv2.GC_INIT_WITH_MASK)
        mask = np.isin(cut, (cv2.GC_FGD, cv2.GC_PR_FGD))
    except cv2.error:
        mask = prior
    if not 0.3 < mask.sum() / max(prior.sum(), 1) < 2.5:
        mask = prior
    mask = clean_mask(mask.astype(np.uint8), 0.005)
    if not mask.any():
        mask = prior.astype(np.uint8)
    full = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return (full >= 0.5).astype(np.float32)[..., None]


def _trimap(size: tuple[int, int], box: np.ndarray | None) -> np.ndarray:
    """What GrabCut may assume: uint8 [h, w] of cv2.GC_*."""
    width, height = size
    trimap = np.full((height, width), cv2.GC_BGD, np.uint8)
    if box is None:
        centre = (width // 2, height // 2)
        cv2.rectangle(trimap, (1, 0), (width - 2, height - 1), cv2.GC_PR_BGD, -1)
        axes = (max(1, round(width * 0.27)), max(1, round(height * 0.46)))
        cv2.ellipse(trimap, centre, axes, 0, 0, 360, cv2.GC_PR_FGD, -1)
        axes = (max(1, round(width * 0.09)), max(1, round(height * 0.25)))
        cv2.ellipse(trimap, centre, axes, 0, 0, 360, cv2.GC_FGD, -1)
        return trimap
    x, y, w, h = box
    left, top = int(np.clip(x, 0, width - 1)), int(np.clip(y, 0, height - 1))
    right = int(np.clip(np.ceil(x + w), left + 1, width))
    bottom = int(np.clip(np.ceil(y + h), top + 1, height))
    trimap[top:bottom, left:right] = cv2.GC_PR_FGD
    middle_y, middle_x = (top + bottom) // 2, (left + right) // 2
    reach_y, reach_x = (bottom - top) // 5, (right - left) // 5
    rows = slice(middle_y - reach_y, middle_y + reach_y + 1)
    trimap[rows, middle_x - reach_x : middle_x + reach_x + 1] = cv2.GC_FGD
    return trimap


def _check_image(image: np.ndarray, what: str) -> None:
    shape: tuple[int, ...] = getattr(image, "shape", ())
    if getattr(image, "dtype", None) != np.uint8 or len(shape) != 3 or shape[2] != 3:
        raise RefinezooError(
            f"expected {what} uint8 [H, W, 3], received "
            f"{getattr(image, 'dtype', type(image).__name__)} {list(shape)}. "
            "refinezoo.data.read_image reads any file that way."
        )
