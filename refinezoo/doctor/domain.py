"""What the doctor sees in one folder: sizes, kinds of file, colours and detail."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.formats import Layout, recognise
from refinezoo.data.images import ImageFile, read_image_file
from refinezoo.errors import RefinezooError
from refinezoo.files import sha256

HUE_BINS = 12
THUMBNAIL = 128  # pixels of the longer side, on which colours and detail are compared


@dataclass
class Domain:
    """What was seen in one folder."""

    name: str
    folder: Path
    files: list[Path]
    layout: Layout
    unreadable: list[str] = field(default_factory=list)
    kinds: dict[str, list[str]] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)  # width, height
    hashes: dict[str, list[str]] = field(default_factory=dict)
    looks: list[dict[str, Any]] = field(default_factory=list)
    transparent: list[str] = field(default_factory=list)  # more than half of their pixels

    def mean(self, key: str) -> float:
        """The mean over the images of one measurement of `_look`."""
        return float(np.mean([look[key] for look in self.looks]))

    def summary(self) -> dict[str, Any]:
        """Counts and means, JSON-able."""
        summary: dict[str, Any] = {
            "folder": str(self.folder),
            "images": len(self.files),
            "readable": len(self.sizes),
            "kinds": {kind: len(names) for kind, names in sorted(self.kinds.items())},
        }
        if self.sizes:
            widths, heights = zip(*self.sizes, strict=True)
            summary["width"] = [min(widths), int(np.median(widths)), max(widths)]
            summary["height"] = [min(heights), int(np.median(heights)), max(heights)]
            summary["aspect"] = round(float(np.median(np.divide(widths, heights))), 3)
        for key in ("brightness", "contrast", "saturation", "detail"):
            if self.looks:
                summary[key] = round(self.mean(key), 2)
        return summary


def examined(name: str, folder: Path, look_at: int) -> Domain:
    """Opens all images of a folder, and measures the colours of about `look_at` of them.

    Raises:
        RefinezooError: no such folder, or none that holds images.
    """
    if not folder.is_dir():
        raise RefinezooError(f"expected a folder of {name} images, received {folder}: no such one.")
    layout = recognise(folder)
    domain = Domain(name, folder, layout.images(), layout)
    every = max(1, -(-len(domain.files) // look_at))
    for index, file in enumerate(layout.renders):
        _examine_file(domain, file, index % every == 0)
    return domain


def _examine_file(domain: Domain, name: str, closely: bool) -> None:
    """Reads an image as training does."""
    path = domain.folder / name
    try:
        domain.hashes.setdefault(sha256(path), []).append(name)
        image = read_image_file(path, domain.layout.size(name))
    except (RefinezooError, OSError):
        domain.unreadable.append(name)
        return
    height, width = image.rgb.shape[:2]
    domain.sizes.append((width, height))
    domain.kinds.setdefault(_kind(image), []).append(name)
    alpha = image.alpha
    if alpha is not None and alpha.min() < alpha.max() and (alpha < 128).mean() > 0.5:
        domain.transparent.append(name)
    if closely:
        domain.looks.append(_look(_thumbnail(image.flattened())))


def _kind(image: ImageFile) -> str:
    done = image.conversions
    if "16-bit to 8-bit" in done:
        return "16-bit"
    if image.alpha is not None:
        return "alpha"
    kinds = {"palette to RGB": "palette", "grey to RGB": "grey", "CMYK to RGB": "CMYK"}
    return next((kinds[words] for words in done if words in kinds), "RGB")


def _thumbnail(image: np.ndarray) -> np.ndarray:
    import cv2

    scale = THUMBNAIL / max(image.shape[:2])
    if scale >= 1:
        return image
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _look(image: np.ndarray) -> dict[str, Any]:
    """Brightness, contrast, saturation, detail and hue histogram of uint8 `[H, W, 3]` RGB."""
    import cv2

    rgb = image.astype(np.float32)
    grey = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    hsv = cv2.cvtColor(rgb / 255.0, cv2.COLOR_RGB2HSV)
    chroma = hsv[..., 1] * hsv[..., 2]
    hue, _ = np.histogram(hsv[..., 0], bins=HUE_BINS, range=(0, 360), weights=chroma)
    detail = 0.0
    if min(grey.shape) > 1:
        detail = np.hypot(*(np.abs(gradient).mean() for gradient in np.gradient(grey)))
    return {
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "saturation": float(255 * hsv[..., 1].mean()),
        "detail": float(detail),
        "hue": hue,
    }
