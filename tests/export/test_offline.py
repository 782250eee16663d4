"""Nothing leaves the machine: exports and exported files open no connection and leave no files.

Each command runs in a process of its own, without ORT_DISABLE_TELEMETRY in its environment, under
a filter that kills it if it or its native code asks for an internet socket (tests/offline.py), with
home, cache and temporary folders that are looked through afterwards.
"""

import importlib.util
import platform

import offline
import pytest

from refinezoo.export.registry import formats

SIGNAL = 31  # SIGSYS, by which the filter ends a process

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(
        platform.machine() not in ("x86_64", "aarch64"), reason="a filter of Linux system calls"
    ),
]


def test_the_filter_sees_a_dns_query(tmp_path):
    look_up = "import socket; socket.socketpair(); print('local', flush=True)"
    done = offline.python(
        tmp_path, "-c", f"{look_up}; socket.gethostbyname('refinezoo.invalid'); print('reached')"
    )
    assert done.returncode == -SIGNAL and done.stdout == "local\n"


# The process that measures is the same for all formats, and USE has each one's runtime.
EXPORT = """
import sys
from refinezoo.cli import main
preset, out, *files = sys.argv[1:]
for name, precision in zip(files[::2], files[1::2]):
    print(name, flush=True)
    options = ["--format", name, "--precision", precision]
    options += ["--image-size", "32", "--runs", str(int(name == files[-2])), "--force"]
    sys.argv[1:] = ["export", preset, "--out", out, *options]
    try:
        main()
    except SystemExit as end:
        assert not end.code, name
"""
USE = """
import sys, numpy, refinezoo
for path in sys.argv[1:]:
    print(path, flush=True)
    refinezoo.load(path).refine(numpy.zeros((32, 32, 3), "uint8"))
"""


def test_exports_and_their_use_stay_on_the_machine(strong_weights, tmp_path):
    from refinezoo.models.presets import save_to_preset
    from refinezoo.refiners import CycleGAN

    there = {
        name: each
        for name, each in formats().items()
        if all(importlib.util.find_spec(package) for package in each.packages)
    }
    # A compressed file asks all that a plain one does: its converter, its runtime, its quantiser.
    chosen = {name: each.precisions[-1] for name, each in there.items()}
    asked = [word for pair in chosen.items() for word in pair]
    # Without instance norm its int8 files pass the gate at the first attempt.
    options = {"normalised": False, "residual": True, "upsampling": "resize"}
    model = strong_weights(CycleGAN(image_size=32, width=4, blocks=1, **options))
    save_to_preset(model, tmp_path / "tiny")
    done = offline.python(tmp_path, "-c", EXPORT, tmp_path / "tiny", tmp_path / "out", *asked)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    folder = tmp_path / "out/tiny"
    files = [there[name].path(folder, "tiny", precision) for name, precision in chosen.items()]
    done = offline.python(tmp_path, "-c", USE, *files)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    assert done.stderr.count("is a program") == 1
    assert offline.left(tmp_path) == []
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"home", "tmp", "work", "tiny", "out"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny"]
