"""Kills, odd files, hostile manifests, two runs at once: nothing lost, nothing foreign touched."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from refinezoo import disk, files
from refinezoo.errors import RefinezooError
from refinezoo.refinement import Gate, refine_dataset

HOOK = Path(__file__).parents[2] / "benchmarks" / "faults" / "hook"
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from conftest import Brighter
from refinezoo.refinement import refine_dataset
refine_dataset(sys.argv[2], sys.argv[3], Brighter(), batch_size=2, workers=1, progress=False)
"""


def tree(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def refine(source, out, refiner, **options):
    return refine_dataset(source, out, refiner, progress=False, **options)


@pytest.fixture
def killed(coco, tmp_path):
    """Runs `refine` in a process that is killed at a call to the file system; its exit status."""
    (tmp_path / "script.py").write_text(SCRIPT)
    here = Path(__file__).parent

    def run(moment, out):
        path = os.pathsep.join([str(HOOK), *sys.path])
        environment = {"KILL_AT": str(moment), "KILL_BELOW": str(out), "PYTHONPATH": path}
        environment["KILL_COUNT"] = str(tmp_path / "count")
        command = [sys.executable, tmp_path / "script.py", here, coco, out]
        return subprocess.run(command, env={**os.environ, **environment}).returncode

    return run


def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(killed, coco, tmp_path, brighter):
    refine(coco, tmp_path / "whole", brighter, batch_size=2, workers=1)
    expected, out = tree(tmp_path / "whole"), tmp_path / "out"
    assert killed(0, tmp_path / "counted") == 0
    assert int((tmp_path / "count").read_text()) > 60
    for moment in (2, 5, 9, 20, 41):  # each goes on with what the one before left
        assert killed(moment, out) == -9
    assert killed(0, out) == 0
    assert tree(out) == expected


def test_one_odd_image_does_not_keep_the_others(coco, tmp_path, brighter):
    """Whatever step it fails in, the others are finished first."""

    class Picky(type(brighter)):
        def refine(self, images, strength=1.0, seed=None):
            if images.shape[1] == 11:
                raise FloatingPointError("cannot")
            return super().refine(images)

    images = coco / "images"
    rng = np.random.default_rng(0)
    document = json.loads((coco / "annotations.json").read_text())
    for name, size in (("small.png", (11, 11)), ("odd.tiff", (40, 40))):
        cv2.imwrite(str(images / name), rng.integers(0, 255, (*size, 3), np.uint8))
        size = {"height": size[0], "width": size[1]}
        document["images"].append({"id": name, "file_name": name, **size})
    content = bytearray((images / "odd.tiff").read_bytes())
    content[4:8] = b"\xff\xff\xff\x7f"
    (images / "odd.tiff").write_bytes(content)
    (coco / "annotations.json").write_text(json.dumps(document))
    with pytest.raises(RefinezooError, match="2 of 7 images could not be refined"):
        refine(coco, tmp_path / "out", Picky(), batch_size=4)
    summary = refine(coco, tmp_path / "out", Picky(), on_error="skip")
    assert summary.resumed == 5 and set(summary.failed) == {"images/small.png", "images/odd.tiff"}
    assert "FloatingPointError: cannot" in summary.failed["images/small.png"]


def test_a_failure_while_an_image_is_judged_is_of_that_image(coco, tmp_path, brighter, monkeypatch):
    judge = Gate.judge

    def picky(gate, source, *others):
        if source.shape[0] == 51 and source[0, 0, 0] == first:
            raise OverflowError("odd labels")
        return judge(gate, source, *others)

    first = cv2.imread(str(coco / "images/scene_2.png"))[0, 0, 2]
    monkeypatch.setattr(Gate, "judge", picky)
    summary = refine(coco, tmp_path / "out", brighter, gate=Gate(), on_error="skip")
    assert "OverflowError: odd labels" in summary.failed["images/scene_2.png"]


def test_a_full_disk_ends_the_run_and_is_not_taken_for_odd_images(
    coco, tmp_path, brighter, monkeypatch
):
    plain, count = Path.write_bytes, 0

    def full(path, content):
        nonlocal count
        count += 1
        if count > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return plain(path, content)

    refine(coco, tmp_path / "whole", brighter)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(RefinezooError, match="No space left.*Make room"):
            refine(coco, tmp_path / "out", brighter, on_error="skip", batch_size=1)
    assert refine(coco, tmp_path / "out", brighter).resumed > 0
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_room_is_looked_at_before_work(coco, tmp_path, brighter, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(RefinezooError, match="free for the refined dataset"):
        refine(coco, tmp_path / "out", brighter)
    assert not (tmp_path / "out").exists()


def test_two_at_once_are_one_too_many(coco, tmp_path, brighter):
    with files.locked_folder(tmp_path / "out", "busy"):
        with pytest.raises(RefinezooError, match="another run is refining into"):
            refine(coco, tmp_path / "out", brighter)
    refine(coco, tmp_path / "out", brighter)


@pytest.mark.parametrize("name", ["../precious.txt", "/PRECIOUS", "link/precious.txt"])
def test_a_hostile_manifest_deletes_nothing(coco, tmp_path, brighter, name):
    precious, out = tmp_path / "precious.txt", tmp_path / "out"
    precious.write_text("years of work")
    refine(coco, out, brighter)
    (out / "link").symlink_to(tmp_path)
    document = json.loads((out / "manifest.json").read_text())
    row = {"file": name.replace("/PRECIOUS", str(precious)), "action": "refined"}
    row |= {"source_sha256": "0", "output_sha256": files.sha256(precious)}
    document["images"].append(row)
    (out / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(RefinezooError, match="leads out of it"):
        refine(coco, out, type(brighter)(30), overwrite=True)
    assert precious.read_text() == "years of work"


@pytest.mark.parametrize(
    "content",
    ["[]", "{", "[" * 100_000, '{"format": "refinezoo.refinement/1", "images": 3}']
    + ['{"format": "refinezoo.refinement/1", "images": [1, {}, {"file": 3}], "carried": [[]]}'],
)
def test_a_broken_manifest_or_journal_is_worded_or_ignored(coco, tmp_path, brighter, content):
    for name in ("manifest.json", ".refinement.jsonl"):
        out = tmp_path / name
        out.mkdir()
        (out / name).write_text(content)
        try:
            refine(coco, out, brighter, overwrite=True)
        except RefinezooError:
            continue
        assert len(json.loads((out / "manifest.json").read_text())["images"]) == 5


def test_a_large_file_that_is_carried_is_not_read_whole(coco, tmp_path, brighter):
    with open(coco / "scene.blend", "wb") as file:
        file.truncate(64 << 20)  # takes no room
    tracemalloc.start()
    try:
        refine(coco, tmp_path / "out", brighter)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "out/scene.blend").stat().st_size == 64 << 20 and peak < 16 << 20
