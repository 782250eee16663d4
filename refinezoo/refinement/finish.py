"""The end of a run: flicker, the page, the sheet of the worst, the manifest."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.images import read_image_file
from refinezoo.refinement.contact_sheet import write_contact_sheet
from refinezoo.refinement.manifest import Manifest
from refinezoo.refinement.page import again, ranking, worst, write_run_page
from refinezoo.refinement.rows import Rows
from refinezoo.refinement.run import Run
from refinezoo.refinement.sequence import measure
from refinezoo.refinement.summary import tally

GATE_SHEET, PAGE = "gate_worst.png", "report.html"
_WORST = 50
_log = logging.getLogger(__name__)


def finish(
    run: Run,
    manifest: Manifest,
    carried: list[dict[str, str]],
    orphans: list[str],
    page: Path | None,
    threads: int,
) -> None:
    """Measures flicker, and writes the page, the sheet of the worst and the manifest.

    Args:
        run: what was done.
        manifest: has a row for each of its renders.
        carried: what was copied.
        orphans: outputs whose source is gone and that were left.
        page: to write, or None.
        threads: that read images.
    """
    layout, out = run.layout, manifest.out
    with ThreadPoolExecutor(threads) as pool:
        if run.clips is not None:
            _measure_flicker(run, manifest.rows, out, pool)
        if page is not None:
            write_run_page(run, manifest.rows, out, page, pool)
    found = tally(manifest.rows[name] for name in layout.renders)
    if run.gate is not None:
        _write_sheet(run, manifest.rows, out / GATE_SHEET)
        refused = sum(row["gate"]["verdict"] != "keep" for row in _judged(run, manifest.rows))
        if 2 * refused > found.images:
            _log.warning(
                "%d of %d refinements did not pass the gate, whose thresholds do not know what %s "
                "does to renders like these. Look at them; if their labels are still true: "
                "refinezoo gate RENDERS gate.json --model MODEL, then refine with "
                "--calibration gate.json --overwrite",
                refused,
                found.images,
                run.common["model"],
            )
    for conversion, count in found.conversions.items():
        _log.info("%d renders: %s", count, conversion)
    flicker = {"refined": found.flicker, "render": found.render_flicker}
    manifest.finish(
        layout.renders,
        model_name=run.common["model"],
        layout=layout.kind,
        notes=layout.notes,
        conversions=found.conversions,
        dropped=found.dropped,
        failed=list(found.failed),
        missing=layout.missing,
        carried=carried,
        orphans=orphans,
        **({"flicker": flicker} if run.clips else {}),
    )


def _measure_flicker(run: Run, rows: Rows, out: Path, pool: ThreadPoolExecutor) -> None:
    """Notes the flicker of each frame in its row."""

    def refined(name: str) -> np.ndarray:
        return read_image_file(out / name).rgb

    if run.clips is not None:
        done = {name for name in run.layout.renders if rows[name]["action"] != "failed"}
        for name, found in measure(run.clips, refined, done, pool).items():
            rows[name] = rows[name] | {"flicker": found}


def _judged(run: Run, rows: Rows) -> Iterator[dict[str, Any]]:
    return (row for name in run.layout.renders if "gate" in (row := rows[name]))


def _write_sheet(run: Run, rows: Rows, path: Path) -> None:
    """The worst images as they were refined, before the gate."""
    by = ranking(run)
    pairs = [
        (
            f"{row['gate'][by]:.2f} {row['gate']['verdict']}  {row['file']}",
            run.image(row["file"]).rgb,
            again(run, row),
        )
        for row in worst(run, _judged(run, rows), _WORST)
    ]
    if pairs:
        write_contact_sheet(path, pairs)
