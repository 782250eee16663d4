"""Looks at a folder of renders and one of real photos for what spoils training, before it starts.

Thresholds are rules of thumb from the reports of users of such models: each finding says what was
measured, so that one who knows better can tell.
"""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.check import check_dataset
from refinezoo.data.formats import Layout, recognise
from refinezoo.data.images import Picture, read_picture
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
        """The mean over the pictures of one measurement of `_look`."""
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


def diagnose(
    synthetic: str | os.PathLike, real: str | os.PathLike, *, look_at: int = 400
) -> dict[str, Any]:
    """Compares two folders of images.

    Args:
        synthetic: folder of renders, or of a dataset in any layout; its labels are checked too.
        real: folder of real photos.
        look_at: images whose colours are measured, evenly picked; all are opened and hashed.

    Returns:
        `{"ok": bool, "synthetic": {...}, "real": {...}, "findings": [{"level", "code", "domain",
        "message", "advice", "files"}]}`. `ok` is False when training would fail or make no sense
        (a finding of level "error"); width and height are [smallest, median, largest] in pixels,
        brightness, contrast and saturation 0..255, detail in levels per pixel.

    Raises:
        RefinezooError: a folder is missing or holds no images.
    """
    domains = [
        _examine("synthetic", Path(synthetic), look_at),
        _examine("real", Path(real), look_at),
    ]
    findings = [finding for domain in domains for finding in _alone(domain) + _labels(domain)]
    findings += _together(*domains)
    order = ("error", "warning", "note")
    findings.sort(key=lambda finding: order.index(finding["level"]))
    return {
        "ok": not any(finding["level"] == "error" for finding in findings),
        **{domain.name: domain.summary() for domain in domains},
        "findings": findings,
    }


def as_text(report: dict[str, Any]) -> str:
    """The report for a terminal."""
    lines = []
    for name in ("synthetic", "real"):
        part = report[name]
        lines.append(f"{name}: {part['readable']} of {part['images']} images readable")
        for key in ("width", "height"):
            if key in part:
                low, median, high = part[key]
                lines.append(f"  {key:<11}{low} to {high} px, median {median}")
        for key in ("brightness", "contrast", "saturation", "detail"):
            if key in part:
                lines.append(f"  {key:<11}{part[key]}")
    for finding in report["findings"]:
        lines.append(f"\n{finding['level'].upper()} {finding['code']}: {finding['message']}")
        if finding["files"]:
            shown = ", ".join(finding["files"][:3])
            lines.append(f"  {shown}{', ...' if len(finding['files']) > 3 else ''}")
        lines.append(f"  -> {finding['advice']}")
    if not report["findings"]:
        lines.append("\nNothing found that would spoil training.")
    return "\n".join(lines)


def _examine(name: str, folder: Path, look_at: int) -> Domain:
    if not folder.is_dir():
        raise RefinezooError(f"expected a folder of {name} images, received {folder}: no such one.")
    layout = recognise(folder)
    domain = Domain(name, folder, layout.pictures(), layout)
    every = max(1, -(-len(domain.files) // look_at))
    for index, file in enumerate(layout.renders):
        _examine_file(domain, file, index % every == 0)
    return domain


def _examine_file(domain: Domain, name: str, closely: bool) -> None:
    """Reads a picture as training does."""
    path = domain.folder / name
    try:
        domain.hashes.setdefault(sha256(path), []).append(name)
        picture = read_picture(path, domain.layout.size(name))
    except (RefinezooError, OSError):
        domain.unreadable.append(name)
        return
    height, width = picture.rgb.shape[:2]
    domain.sizes.append((width, height))
    domain.kinds.setdefault(_kind(picture), []).append(name)
    alpha = picture.alpha
    if alpha is not None and alpha.min() < alpha.max() and (alpha < 128).mean() > 0.5:
        domain.transparent.append(name)
    if closely:
        domain.looks.append(_look(_thumbnail(picture.flattened())))


def _kind(picture: Picture) -> str:
    done = picture.conversions
    if "16-bit to 8-bit" in done:
        return "16-bit"
    if picture.alpha is not None:
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


def _finding(
    level: str, code: str, domain: str, message: str, advice: str, files: Iterable[str] = ()
) -> dict[str, Any]:
    return {
        "level": level,
        "code": code,
        "domain": domain,
        "message": message,
        "advice": advice,
        "files": list(files),
    }


def _alone(domain: Domain) -> list[dict[str, Any]]:
    """What one folder shows by itself."""
    found = []

    def add(level: str, code: str, message: str, advice: str, files: Iterable[str] = ()) -> None:
        found.append(_finding(level, code, domain.name, f"{domain.name}: {message}", advice, files))

    count = len(domain.sizes)
    if domain.unreadable:
        add(
            "error",
            "corrupt",
            f"{len(domain.unreadable)} files cannot be decoded",
            "delete or copy them again; training stops at the first one it reads",
            domain.unreadable,
        )
    if count < 100:
        add(
            "warning",
            "few",
            f"{count} readable images",
            "adversarial training from fewer than 100 images memorises them; add images, or use "
            "the baselines reinhard and fda, which need few",
        )
    remedies = {
        "alpha": "transparent parts are laid over mid-grey when read, and an alpha that is the "
        "same everywhere is left out; flatten them over the background you mean",
        "16-bit": "values are scaled to 8 bits when read; make sure the range is the one meant, "
        "and that these are not depth maps",
        "grey": "grey is copied to three channels; a refiner trained on both learns to colour and "
        "to bleach",
        "palette": "colours are expanded to RGB when read; make sure these are not label maps",
        "CMYK": "converted to RGB when read, without a colour profile",
    }
    for kind, advice in remedies.items():
        if kind in domain.kinds:
            names = domain.kinds[kind]
            add("warning", kind, f"{len(names)} of {count} images are {kind}", advice, names)
    if domain.transparent:
        add(
            "warning",
            "mostly transparent",
            f"{len(domain.transparent)} images are transparent in more than half of their pixels",
            "training sees mid-grey there; flatten them over the background you mean",
            domain.transparent,
        )
    copies = [names for names in domain.hashes.values() if len(names) > 1]
    if copies:
        extra = sum(len(names) - 1 for names in copies)
        add(
            "warning",
            "duplicates",
            f"{extra} files are byte for byte copies of others",
            "delete them: they weigh more in training, and may stand in train and test at once",
            [" = ".join(names) for names in copies],
        )
    shapes = Counter(domain.sizes)
    if len(shapes) > 1 and domain.sizes:
        aspects = [width / height for width, height in domain.sizes]
        if max(aspects) / min(aspects) > 1.5:
            add(
                "note",
                "mixed aspect",
                f"aspects from {min(aspects):.2f} to {max(aspects):.2f}",
                "training crops squares; check that the crops still show whole objects",
            )
    small = [size for size in domain.sizes if min(size) < 64]
    if small:
        add(
            "warning",
            "small",
            f"{len(small)} images are smaller than 64 px",
            "they are enlarged for training and teach blur; leave them out",
        )
    return found


def _labels(domain: Domain) -> list[dict[str, Any]]:
    """What does not fit between the labels of a folder and its pictures."""
    if not (domain.layout.labels or "boxes" in domain.layout.details):
        return []
    known = ("unreadable", "doubled", "alpha")  # told by `_alone`
    return [
        _finding(
            found["level"],
            f"labels: {found['code']}",
            domain.name,
            f"{domain.name}: {found['count']} of its labels or pictures",
            found["advice"],
            found["files"],
        )
        for found in check_dataset(domain.folder)["findings"]
        if found["code"] not in known
    ]


def _together(synthetic: Domain, real: Domain) -> list[dict[str, Any]]:
    """What the two folders show side by side."""
    found = []

    def add(code: str, message: str, advice: str, files: Iterable[str] = ()) -> None:
        found.append(_finding("warning", code, "both", message, advice, files))

    common = set(synthetic.hashes) & set(real.hashes)
    if common:
        add(
            "same files",
            f"{len(common)} files are in both folders",
            "a photo among the renders teaches the refiner to change nothing; remove it",
            [real.hashes[key][0] for key in sorted(common)],
        )
    counts = sorted((len(synthetic.sizes), len(real.sizes)))
    if counts[0] and counts[1] / counts[0] >= 5:
        add(
            "imbalance",
            f"{len(synthetic.sizes)} synthetic and {len(real.sizes)} real images",
            "the smaller side is repeated to the same length; its images are seen "
            f"{counts[1] / counts[0]:.0f} times as often, so augment, or add to it",
        )
    if not (synthetic.looks and real.looks):
        return found
    aspects, heights = [], []
    for domain in (synthetic, real):
        widths, tall = zip(*domain.sizes, strict=True)
        aspects.append(float(np.median(np.divide(widths, tall))))
        heights.append(float(np.median(tall)))
    if max(aspects) / min(aspects) > 1.2:
        add(
            "aspect",
            f"median aspect (width / height) {aspects[0]:.2f} synthetic, {aspects[1]:.2f} real",
            "render with the camera's own aspect: else objects differ in place and size",
        )
    if max(heights) / min(heights) > 2:
        add(
            "size",
            f"median height {heights[0]:.0f} px synthetic, {heights[1]:.0f} px real",
            "crops of the same size then show objects of different scale; bring both to one "
            "resolution first",
        )
    for key, limit, unit in (("brightness", 30, "of 255"), ("saturation", 40, "of 255")):
        values = synthetic.mean(key), real.mean(key)
        if abs(values[0] - values[1]) > limit:
            add(
                f"{key} gap",
                f"mean {key} {values[0]:.0f} synthetic, {values[1]:.0f} real ({unit})",
                "try a baseline first (`refinezoo suggest`): moving colours closes this gap "
                "without learning",
            )
    details = synthetic.mean("detail"), real.mean("detail")
    if max(details) > 2 * max(min(details), 0.5):
        add(
            "detail gap",
            f"mean gradient {details[0]:.1f} synthetic, {details[1]:.1f} real (levels per pixel)",
            "a generator paints what the layout lacks (shelves into plain walls): compose "
            "backgrounds as busy as the photos",
        )
    hues = [sum(look["hue"] for look in domain.looks) for domain in (synthetic, real)]
    if min(hue.sum() for hue in hues) > 0:
        shares = [hue / hue.sum() for hue in hues]
        distance = 0.5 * float(np.abs(shares[0] - shares[1]).sum())
        if distance > 0.3:
            add(
                "hue gap",
                f"{100 * distance:.0f} % of the colour lies at other hues",
                "if objects differ (not light), balance their classes in the renders: a refiner "
                "recolours what it cannot find among the photos",
            )
    return found
