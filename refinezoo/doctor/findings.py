"""What the doctor makes of what it saw: each finding with its level and advice."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from refinezoo.data.check import check_dataset
from refinezoo.doctor.domain import Domain


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


def findings_alone(domain: Domain) -> list[dict[str, Any]]:
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
            "adversarial training from fewer than 100 images memorises them; add images, or "
            "take what learns nothing and needs few: PopulationTransport, Reinhard, FDA",
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


def findings_in_labels(domain: Domain) -> list[dict[str, Any]]:
    """What does not fit between the labels of a folder and its images."""
    if not (domain.layout.labels or "boxes" in domain.layout.details):
        return []
    known = ("unreadable", "doubled", "alpha")  # told by `_alone`
    return [
        _finding(
            found["level"],
            f"labels: {found['code']}",
            domain.name,
            f"{domain.name}: {found['count']} of its labels or images",
            found["advice"],
            found["files"],
        )
        for found in check_dataset(domain.folder)["findings"]
        if found["code"] not in known
    ]


def findings_together(synthetic: Domain, real: Domain) -> list[dict[str, Any]]:
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
            "a training crop is nearly the whole shorter side, scaled to image_size, so that the "
            "smaller look softer, which a GAN learns; render at the photos' size, or scale the "
            "photos down, labels included",
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
