"""`merge` in processes of its own: killed, two at once, no room for a file."""

import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from small_sets import coco, photo, put, put_coco

HOOK = Path(__file__).resolve().parents[2] / "benchmarks" / "faults" / "hook"
SCRIPT = """
import sys
from refinezoo.data.merge import merge_datasets
from refinezoo.errors import RefinezooError
try:
    merge_datasets(sys.argv[1], {"a": sys.argv[2], "b": sys.argv[3]}, ratio=[1, 2], seed=3)
except RefinezooError as error:
    print(error)
    sys.exit(2)
"""


@pytest.fixture
def merge(tmp_path):
    """Starts a merge into a folder of `place`, killed at a call to the file system (0: never)."""
    for name in "ab":
        for number in range(4):
            put(tmp_path / name / f"images/{number}.png", photo(number))
        put_coco(tmp_path / name / "annotations.json", coco([f"{k}.png" for k in range(4)]))

    def start(place, moment=0, **options):
        (tmp_path / place).mkdir(exist_ok=True)
        path = os.pathsep.join([str(HOOK), *sys.path])
        environment = {"KILL_AT": str(moment), "KILL_BELOW": str(tmp_path / place)}
        environment["KILL_COUNT"] = str(tmp_path / "count")
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                SCRIPT,
                tmp_path / place / "out",
                tmp_path / "a",
                tmp_path / "b",
            ],
            env={**os.environ, **environment, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )

    return start


def status(process):
    """Of a process that has ended, and what it said."""
    words, _ = process.communicate()
    return process.returncode, words


def tree(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_a_killed_merge_left_nothing_and_runs_again(merge, tmp_path):
    assert status(merge("whole"))[0] == 0
    expected, calls = tree(tmp_path / "whole"), int((tmp_path / "count").read_text())
    assert len(expected) == 8 and calls > 20  # six images, the annotations, our stamp
    for moment in (1, calls // 2, calls):
        assert status(merge("again", moment))[0] == -9
        assert not (tmp_path / "again/out").exists() or tree(tmp_path / "again/out").keys() == {
            name.removeprefix("out/") for name in expected
        }
    assert status(merge("again"))[0] == 0
    assert tree(tmp_path / "again") == expected


def test_two_at_once_end_as_one(merge, tmp_path):
    assert status(merge("whole"))[0] == 0
    both = [merge("both"), merge("both")]
    assert [status(process)[0] for process in both] == [0, 0]
    assert tree(tmp_path / "both") == tree(tmp_path / "whole")


def test_a_disk_that_takes_no_more(merge, tmp_path):
    """A limit on the size of files: what a full disk does, without one."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    assert status(merge("whole"))[0] == 0
    before = tree(tmp_path / "whole")
    code, words = status(merge("whole", preexec_fn=limit))
    assert code == 2 and "cannot write" in words
    assert tree(tmp_path / "whole") == before
