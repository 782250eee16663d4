"""Looks at a folder of renders and one of real photos for what spoils training, before it starts.

Thresholds are rules of thumb from the reports of users of such models: each finding says what was
measured, so that one who knows better can tell.
"""

import os
from pathlib import Path
from typing import Any

from refinezoo.doctor.domain import examined
from refinezoo.doctor.findings import findings_alone, findings_in_labels, findings_together


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
        examined("synthetic", Path(synthetic), look_at),
        examined("real", Path(real), look_at),
    ]
    findings = [
        finding
        for domain in domains
        for finding in findings_alone(domain) + findings_in_labels(domain)
    ]
    findings += findings_together(*domains)
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
