"""Ten thousand broken files: each read in the end, or refused in words."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_ten_thousand_broken_files_end_in_a_result_or_in_words(tmp_path):
    """In a process of its own: what it takes at most is what these files take."""
    path = os.pathsep.join([str(HERE.parent), *sys.path])
    found = subprocess.run(
        [sys.executable, "-X", "faulthandler", HERE / "mutations.py", "0", "1", tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    report = json.loads(found.stdout)
    assert sum(report["cases"].values()) == 10_000 and len(report["cases"]) == 7
    assert report["raised"] == []
    assert 2_000 < report["refused"] < 9_900  # neither all whole nor all refused at the door
    assert report["peak_mb"] < 1000
    assert report["slowest_s"] < 5, report["slowest"]  # of the processor, however busy it is
