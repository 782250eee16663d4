"""The end of a run: flicker, the sheet of the worst, the manifest, the summary."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.images import read_picture
from refinezoo.refinement.contact_sheet import write_contact_sheet
from refinezoo.refinement.manifest import Manifest
from refinezoo.refinement.page import again, ranking, worst
from refinezoo.refinement.run import Run
from refinezoo.refinement.sequence import measure
from refinezoo.refinement.summary import Summary

GATE_SHEET = "gate_worst.png"
_WORST = 50
_log = logging.getLogger(__name__)


def measure_flicker(run: Run, manifest: Manifest, out: Path, pool: ThreadPoolExecutor) -> None:
    """Notes the flicker of each frame in its row."""
    rows = manifest.rows

    def refined(name: str) -> np.ndarray:
        return read_picture(out / name).rgb

    if run.clips is not None:
        done = {name for name in run.layout.renders if rows[name]["action"] != "failed"}
        for name, found in measure(run.clips, refined, done, pool).items():
            rows[name] = rows[name] | {"flicker": found}


def finish(
    run: Run,
    manifest: Manifest,
    out: Path,
    carried: list[dict[str, str]],
    orphans: list[str],
    pruned: bool,
    page: Path | None,
    started: float,
) -> Summary:
    """Writes the sheet of the worst and the manifest, and sums up.

    Args:
        run: what was done.
        manifest: has a row for each of its renders.
        out: its folder.
        carried: what was copied.
        orphans: outputs whose source is gone.
        pruned: whether these were deleted.
        page: that was written, or None.
        started: of `time.monotonic`.
    """
    layout = run.layout
    rows = [manifest.rows[name] for name in layout.renders]
    by_action: dict[str, list[str]] = {}
    conversions: dict[str, int] = {}
    for row in rows:
        by_action.setdefault(row["action"], []).append(row["file"])
        for conversion in row.get("conversions", ()):
            conversions[conversion] = conversions.get(conversion, 0) + 1
    failed = {row["file"]: row["error"] for row in rows if row["action"] == "failed"}
    scores = [row["gate"]["score"] for row in rows if "gate" in row]
    flickers = [row["flicker"] for row in rows if "flicker" in row]
    flicker = {
        key: float(np.mean([each[key] for each in flickers])) if flickers else None
        for key in ("refined", "render")
    }
    if run.gate is not None:
        _write_sheet(run, rows, out / GATE_SHEET)
        refused = sum(row["gate"]["verdict"] != "keep" for row in rows if "gate" in row)
        if 2 * refused > len(rows):
            _log.warning(
                "%d of %d refinements did not pass the gate, whose thresholds do not know what %s "
                "does to renders like these. Look at them; if their labels are still true: "
                "refinezoo gate RENDERS gate.json --model MODEL, then refine with "
                "--calibration gate.json --overwrite",
                refused,
                len(rows),
                run.common["model"],
            )
    dropped = by_action.get("dropped", [])
    for conversion, count in conversions.items():
        _log.info("%d renders: %s", count, conversion)
    manifest.finish(
        layout.renders,
        model_name=run.common["model"],
        layout=layout.kind,
        notes=layout.notes,
        conversions=conversions,
        dropped=dropped,
        failed=list(failed),
        missing=layout.missing,
        carried=carried,
        orphans=[] if pruned else orphans,
        **({"flicker": flicker} if run.clips else {}),
    )
    return Summary(
        out=out,
        layout=layout.kind,
        images=len(rows),
        refined=len(by_action.get("refined", [])),
        blended=len(by_action.get("blended", [])),
        flagged=len(by_action.get("flagged", [])),
        dropped=dropped,
        failed=failed,
        resumed=run.resumed,
        carried=len(carried),
        orphans=orphans,
        pruned=pruned,
        conversions=conversions,
        mean_score=float(np.mean(scores)) if scores else None,
        flicker=flicker["refined"],
        render_flicker=flicker["render"],
        seconds=time.monotonic() - started,
        manifest=manifest.path,
        page=page,
    )


def _write_sheet(run: Run, rows: list[dict[str, Any]], path: Path) -> None:
    """The worst images as they were refined, before the gate."""
    by = ranking(run)
    pairs = [
        (
            f"{row['gate'][by]:.2f} {row['gate']['verdict']}  {row['file']}",
            run.picture(row["file"]).rgb,
            again(run, row),
        )
        for row in worst(run, rows)[:_WORST]
    ]
    if pairs:
        write_contact_sheet(path, pairs)
