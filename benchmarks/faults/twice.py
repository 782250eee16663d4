"""Starts a command twice at once into one folder, over and over.

    python benchmarks/faults/twice.py refine merge --times 20 --out runs/faults

Each run must end well, or be told that the other one is at work; at least one ends well, and then
the folder must hold what one run alone leaves, and nothing else. The second starts up to a run's
length after the first. Writes `OUT/results.json`; exit status 1 where a pair fell short.
"""

import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from runs import LIMIT, bench, command, differences, outcome, run, start, write_results


def pair(line: list[str], out: Path, later: float, wanted: dict[str, str]) -> dict[str, Any]:
    """Two runs, the second `later` seconds after the first."""
    shutil.rmtree(out, ignore_errors=True)
    logs = [out.parent / f"log_{number}.txt" for number in (1, 2)]
    for log in logs:
        log.unlink(missing_ok=True)
    first = start(line, out, log=logs[0])
    time.sleep(later)
    second = start(line, out, log=logs[1])
    for process in (first, second):
        process.join(LIMIT)
    status = [first.exitcode, second.exitcode]
    said = [log.read_text(errors="replace").strip().splitlines()[-1:] for log in logs]
    refused = [
        line[0].replace(str(out.parent), "PLACE")[:200]
        for line, code in zip(said, status, strict=True)
        if code and line
    ]
    told = all(code == 0 or (code == 2 and line) for line, code in zip(said, status, strict=True))
    found = differences(wanted, outcome(out))
    held = told and 0 in status and not found
    return {"later": later, "status": status, "refused": refused, "held": held, **found}


def study(verb: str, world: Path, place: Path, results: Path, times: int, seed: int) -> bool:
    """All pairs of one verb, written after each; whether they held."""
    place.mkdir(parents=True)
    out = place / "out"
    line = command(verb, world, out)
    status, seconds = run(line, out)
    if status:
        sys.exit(f"{verb} fails undisturbed; see {place / 'log.txt'}")
    wanted, draw = outcome(out), random.Random(seed)
    rows = []
    for number in range(times):
        later = 0.0 if number % 2 else round(draw.uniform(0, 0.8 * seconds), 2)
        rows.append(pair(line, out, later, wanted))
        held = sum(row["held"] for row in rows)
        found = {"held": held, "of": len(rows), "trials": rows}
        write_results(results, {verb: {"two_at_once": found}})
    print(f"{verb}: {held} of {times}", flush=True)
    return held == times


if __name__ == "__main__":
    bench(__doc__, "twice", study, times=20, seed=0)
