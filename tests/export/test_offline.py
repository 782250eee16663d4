"""Nothing leaves the machine: exports and exported files open no connection and leave no files.

Each command runs in a process of its own, without ORT_DISABLE_TELEMETRY in its environment, under
a filter that kills it if it or its native code asks for an internet socket (tests/offline.py), with
home, cache and temporary folders that are looked through afterwards.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from refinezoo.export.registry import formats

SIGNAL = 31  # SIGSYS, by which the filter ends a process
ROOT = Path(__file__).parents[2]
OFFLINE = ROOT / "tests/offline.py"
# Folders that dependencies fill in the home folder, as docs/export.md says.
CACHES = {".keras/keras.json", ".cache/matplotlib", ".config/matplotlib"}

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(
        platform.machine() not in ("x86_64", "aarch64"), reason="a filter of Linux system calls"
    ),
]


@pytest.fixture
def run(tmp_path):
    """Runs Python offline, in a home and a working folder of its own."""

    def call(*arguments):
        env = {key: value for key, value in os.environ.items() if "ORT_" not in key}
        env |= {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
        env |= {"XDG_CACHE_HOME": str(tmp_path / "home/.cache")}
        for name in ("home", "tmp", "work"):
            (tmp_path / name).mkdir(exist_ok=True)
        command = [sys.executable, OFFLINE, sys.executable, *arguments]
        return subprocess.run(
            command, env=env, cwd=tmp_path / "work", capture_output=True, text=True
        )

    return call


def left(folder):
    """Files in a home folder beyond the caches that the docs name."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in found if not name.startswith(tuple(CACHES))]


def test_the_filter_sees_a_dns_query(run):
    look_up = "import socket; socket.socketpair(); print('local', flush=True)"
    done = run("-c", f"{look_up}; socket.gethostbyname('refinezoo.invalid'); print('reached')")
    assert done.returncode == -SIGNAL and done.stdout == "local\n"


USE = """
import sys, numpy, refinezoo
for path in sys.argv[1:]:
    refinezoo.load(path).refine(numpy.zeros((32, 32, 3), "uint8"))
"""


@pytest.mark.parametrize("name", formats())
def test_an_export_and_its_use_stay_on_the_machine(name, needed, models, run, tmp_path):
    needed(name)
    from refinezoo.models.presets import save_to_preset

    save_to_preset(models("CycleGAN"), tmp_path / "tiny")
    cli = ("-c", "from refinezoo.cli import main; main()")
    options = ("--format", name, "--image-size", "32", "--runs", "1", "--force")
    done = run(*cli, "export", tmp_path / "tiny", "--out", tmp_path / "out", *options)
    assert done.returncode == 0, done.stderr
    format_ = formats()[name]
    folder = tmp_path / "out/tiny"
    files = [format_.path(folder, "tiny", precision) for precision in format_.precisions]
    done = run("-c", USE, *files)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is a program") == 1
    assert left(tmp_path / "home") == left(tmp_path / "tmp") == left(tmp_path / "work") == []
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"home", "tmp", "work", "tiny", "out"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny"]
