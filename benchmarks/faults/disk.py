"""Runs commands on a full disk, with a full temporary folder, and where nothing may be written.

    sudo -E .venv/bin/python benchmarks/faults/disk.py refine merge --sizes 5 --out runs/faults

or, without root, in a namespace of one's own: `unshare --map-root-user --mount python ...`. Disks
are tmpfs of 5 to 95 % of what an undisturbed run needs; temporary folders of 0 to 1 MB. A run must
end well with all that it should leave, or in words, not by a signal or in a traceback; run again
with room, it must leave what an undisturbed one leaves, and nothing else. Writes
`OUT/results.json`; exit status 1 where a run fell short.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from runs import bench, command, differences, outcome, run, write_results

ROOM = 256 << 20  # of a disk that is not full
WORDED = (0, 2)  # exit status: done, or refused in words


@contextmanager
def disk(place: Path, size: int) -> Iterator[None]:
    """A tmpfs of `size` bytes at `place`."""
    place.mkdir(parents=True, exist_ok=True)
    options = f"size={size},mode=777"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def remount(place: Path, options: str) -> None:
    """Changes a mounted disk."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


def used(place: Path) -> int:
    """Bytes in the files of a folder, in pages, as tmpfs counts them."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in place.rglob("*"))


class Bench:
    """One verb, and what an undisturbed run of it leaves."""

    def __init__(self, verb: str, world: Path, place: Path) -> None:
        self.place, self.log = place / "disk", place / "log.txt"
        self.out = self.place / "out"
        self.line = command(verb, world, self.out)
        self.scratch = place / "tmp"
        with disk(self.place, ROOM):
            status, _ = self.run()
            if status:
                sys.exit(f"{verb} fails undisturbed; see {self.log}")
            self.wanted, self.needed = outcome(self.out), used(self.out)

    def run(self, **options: str) -> tuple[int, str]:
        """Exit status and what was printed."""
        self.log.unlink(missing_ok=True)
        given = {"TMPDIR": str(self.scratch), **options}
        status, _ = run(self.line, self.out, log=self.log, **given)
        said = self.log.read_text(errors="replace")
        return status, said.replace(str(self.place), "DISK")

    def again(self, status: int, said: str) -> dict[str, Any]:
        """Runs once more, undisturbed, and judges both."""
        worded = status in WORDED and "Traceback" not in said
        if status == 0:  # then nothing may be missing
            worded = worded and not differences(self.wanted, outcome(self.out))
        second, _ = self.run()
        found = differences(self.wanted, outcome(self.out))
        last = (said.strip().splitlines() or [""])[-1][:200]
        return {
            "status": status,
            "said": last if status else "",
            "worded": worded,
            "then": second,
            "equal": not (second or found),
            **found,
        }

    def full(self, size: int) -> dict[str, Any]:
        """The disk of the output has `size` bytes; then room is made."""
        with disk(self.place, size):
            status, said = self.run()
            remount(self.place, f"size={ROOM}")
            return {"bytes": size, **self.again(status, said)}

    def full_temporary(self, size: int) -> dict[str, Any]:
        """The temporary folder has `size` bytes; then it has room."""
        small = self.place.parent / "small"
        with disk(self.place, ROOM), disk(small, max(4096, size)):
            if not size:
                remount(small, "ro")
            status, said = self.run(TMPDIR=str(small))
            left = [path.name for path in small.iterdir()]
            found = self.again(status, said)
            found["equal"] = found["equal"] and not left
            return {"bytes": size, **found, **({"left_in_it": left} if left else {})}

    def read_only(self) -> dict[str, Any]:
        """The disk of the output may not be written; then it may."""
        with disk(self.place, ROOM):
            remount(self.place, "ro")
            status, said = self.run()
            remount(self.place, "rw")
            found = self.again(status, said)
            found["worded"] = found["worded"] and status == 2
            return found


def study(verb: str, world: Path, place: Path, results: Path, sizes: int) -> bool:
    """All trials of one verb, written after each; whether they held."""
    place.mkdir(parents=True)
    runs = Bench(verb, world, place)
    shares = [0.05 + 0.9 * k / (sizes - 1) for k in range(sizes)] if sizes > 1 else [0.5]
    temporary = [0, 4 << 10, 64 << 10, 256 << 10, 1 << 20][:sizes]
    full = [int(share * runs.needed) for share in shares[:sizes]]
    trials: dict[str, list[Callable[[], dict[str, Any]]]] = {
        "full_disk": [partial(runs.full, size) for size in full],
        "full_temporary_folder": [partial(runs.full_temporary, size) for size in temporary],
        "read_only_output": [runs.read_only],
    }
    found: dict[str, Any] = {}
    for kind, tried in trials.items():
        rows = []
        for trial in tried:
            rows.append(trial())
            held = sum(row["worded"] and row["equal"] for row in rows)
            found[kind] = {"held": held, "of": len(rows), "trials": rows}
            write_results(results, {verb: found})
        print(f"{verb}, {kind}: {held} of {len(rows)}", flush=True)
    return all(kind["held"] == kind["of"] for kind in found.values())


if __name__ == "__main__":
    bench(__doc__, "disk", study, sizes=5)
