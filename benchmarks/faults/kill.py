"""Kills commands at random and chosen moments, runs them again, compares.

    python benchmarks/faults/kill.py refine merge train --random 20 --chosen 20 --out runs/faults

A run that was killed, and then run again until it ends, must leave what an undisturbed one leaves,
and nothing else. Random moments are times; chosen ones are calls to the file system, spread over
all of them (`hook/sitecustomize.py`). Of compare, the study's own process and those of its arms
are killed in turn. Writes `OUT/results.json`; exit status 1 where a run differs.
"""

import random as draws
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runs import bench, command, differences, outcome, run, write_results


def moments(
    verb: str, world: Path, out: Path, seconds: float, random: int, chosen: int, seed: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What each trial is told by, and the options of its `run`; random and chosen ones in turn."""
    line, draw = command(verb, world, out), draws.Random(seed)
    words, counts = [str(world / "study.yaml"), "run_arm"] if verb == "compare" else [""], {}
    for word in words if chosen else ():  # of a command line: which process is meant
        shutil.rmtree(out)
        _, again = run(line, out, KILL_WHOM=word, KILL_COUNT=str(out.parent / "count"))
        seconds = min(seconds, again)  # a busy machine's first run would leave many unkilled
        counts[word] = int((out.parent / "count").read_text())
    for number in range(max(random, chosen)):
        if number < chosen:
            word = words[number % len(words)]
            at = 1 + number * counts[word] // chosen
            told = {"at_call": at, **({"of": Path(word).name} if word else {})}
            yield told, {"KILL_AT": str(at), "KILL_WHOM": word}
        if number < random:
            after = round(draw.uniform(0, seconds), 2)
            yield {"after_seconds": after}, {"after": after}


def study(verb: str, world: Path, place: Path, results: Path, **options: int) -> bool:
    """All trials of one verb, written after each; whether all ended as an undisturbed run."""
    place.mkdir(parents=True)
    out = place / "out"
    line = command(verb, world, out)
    status, seconds = run(line, out)
    if status:
        sys.exit(f"{verb} fails undisturbed; see {place / 'log.txt'}")
    wanted = outcome(out)
    trials: list[dict[str, Any]] = []
    for told, kill in moments(verb, world, out, seconds, **options):
        for left in (out, place / "tmp"):
            shutil.rmtree(left, ignore_errors=True)
        killed = run(line, out, **kill)[0] != 0
        status, _ = run(line, out)
        found = differences(wanted, outcome(out))
        equal = not (status or found)
        trials.append({**told, "killed": killed, "status": status, "equal": equal, **found})
        sums = {key: sum(one[key] for one in trials) for key in ("equal", "killed")}
        said = {"of": len(trials), **sums, "seconds_undisturbed": round(seconds, 1)}
        write_results(results, {verb: {"kill": {**said, "trials": trials}}})
    print(f"{verb}: {sums['equal']} of {len(trials)} equal ({sums['killed']} killed)", flush=True)
    return sums["equal"] == len(trials)


if __name__ == "__main__":
    bench(__doc__, "kill", study, random=20, chosen=20, seed=0)
