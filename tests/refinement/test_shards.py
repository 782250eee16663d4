"""Several runs into one folder, each with its part; manifests as JSON lines."""

import json
import os
import signal
import subprocess
import sys

import pytest

from refinezoo import files
from refinezoo.errors import RefinezooError
from refinezoo.refinement import Gate, Shard, refine_dataset


def refine(source, out, refiner, **options):
    return refine_dataset(source, out, refiner, progress=False, **options)


def tree(root):
    return {
        path.relative_to(root).as_posix(): files.sha256(path)
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("options", [{}, {"gate": Gate()}, {"sequence": True}], ids=str)
def test_parts_and_the_run_that_ends_them_leave_what_one_run_leaves(
    coco, tmp_path, brighter, options
):
    refine(coco, tmp_path / "whole", brighter, **options)
    for number in (3, 1, 2):
        part = Shard(number, 3)
        summary = refine(coco, tmp_path / "out", brighter, shard=part, **options)
        assert (summary.images, summary.refined) == (2 if number < 3 else 1, summary.images)
        assert "without --shard" in str(summary)
    assert not (tmp_path / "out/manifest.json").exists()
    brighter.seen = 0
    assert refine(coco, tmp_path / "out", brighter, **options).resumed == 5
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert brighter.seen == (5 if "gate" in options else 0)  # for the sheet of the worst


def test_the_last_run_does_what_a_part_left_undone(coco, tmp_path, brighter):
    refine(coco, tmp_path / "whole", brighter)
    refine(coco, tmp_path / "out", brighter, shard=Shard(2, 2))
    (tmp_path / "out/images/scene_1.png").write_bytes(b"torn")
    brighter.seen = 0
    assert refine(coco, tmp_path / "out", brighter).resumed == 1 and brighter.seen == 4
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_other_parts_may_be_taken_when_it_is_run_again(coco, tmp_path, brighter):
    refine(coco, tmp_path / "whole", brighter)
    refine(coco, tmp_path / "out", brighter, shard=Shard(1, 2))
    brighter.seen = 0
    for number in range(1, 6):
        refine(coco, tmp_path / "out", brighter, shard=Shard(number, 5))
    assert brighter.seen == 2
    refine(coco, tmp_path / "out", brighter)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_part_keeps_to_the_settings_of_the_others(coco, tmp_path, brighter):
    refine(coco, tmp_path / "out", brighter, shard=Shard(1, 2))
    with pytest.raises(RefinezooError, match="strength was 1.0, is 0.5"):
        refine(coco, tmp_path / "out", brighter, shard=Shard(2, 2), strength=0.5)
    for number in (1, 2):
        part = Shard(number, 2)
        refine(coco, tmp_path / "out", brighter, shard=part, strength=0.5, overwrite=number == 1)
    assert refine(coco, tmp_path / "out", brighter, strength=0.5).resumed == 5


def test_parts_share_a_folder_and_a_whole_run_has_it_alone(coco, tmp_path, brighter):
    out, busy = tmp_path / "out", "another run"
    with files.locked_folder(out, busy, part="1-of-3"):
        refine(coco, out, brighter, shard=Shard(2, 3))
        for part in (Shard(1, 3), None):
            with pytest.raises(RefinezooError, match=busy):
                refine(coco, out, brighter, shard=part)
    with files.locked_folder(out, busy), pytest.raises(RefinezooError, match=busy):
        refine(coco, out, brighter, shard=Shard(3, 3))
    assert not [path for path in out.iterdir() if path.name.startswith(files.LOCK)]


def test_a_killed_part_blocks_nobody(coco, tmp_path, brighter):
    out = tmp_path / "out"
    held = (
        "import time\nfrom refinezoo.files import locked_folder\n"
        f"with locked_folder({str(out)!r}, 'busy', part='1-of-2'):\n    print(1, flush=True)\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", held], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"1\n"
    with pytest.raises(RefinezooError, match="another run"):
        refine(coco, out, brighter)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(), process.stdout.close()
    assert refine(coco, out, brighter).refined == 5
    refine(coco, tmp_path / "whole", brighter)
    assert tree(out) == tree(tmp_path / "whole")


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2"])
def test_a_wrong_part_is_worded(text):
    with pytest.raises(RefinezooError, match="expected"):
        Shard.parse(text)


def test_parts_have_each_file_once():
    names = [f"{number}.png" for number in range(17)]
    taken = [Shard.parse(f"{number}/4").take(names) for number in range(1, 5)]
    assert sorted(sum(taken, [])) == sorted(names)
    assert {len(part) for part in taken} == {4, 5}


def test_a_manifest_as_lines_says_and_resumes_the_same(coco, tmp_path, brighter):
    name = {"manifest_name": "done.jsonl"}
    refine(coco, tmp_path / "json", brighter, gate=Gate())
    refine(coco, tmp_path / "lines", brighter, gate=Gate(), **name)
    document = json.loads((tmp_path / "json/manifest.json").read_text())
    lines = (tmp_path / "lines/done.jsonl").read_text().splitlines()
    head, *rows = map(json.loads, lines)
    assert head | {"images": rows} == document
    brighter.seen = 0
    assert refine(coco, tmp_path / "lines", brighter, gate=Gate(), **name).resumed == 5
    assert (tmp_path / "lines/done.jsonl").read_text().splitlines() == lines
    with pytest.raises(RefinezooError, match="strength was 1.0, is 0.5"):
        refine(coco, tmp_path / "lines", brighter, gate=Gate(), strength=0.5, **name)
    (coco / "images/scene_4.png").unlink()
    orphans = refine(coco, tmp_path / "lines", brighter, gate=Gate(), on_error="skip", **name)
    assert orphans.orphans == ["images/scene_4.png"]


def test_a_manifest_that_could_not_be_read_again_is_refused(coco, tmp_path, brighter, monkeypatch):
    monkeypatch.setattr("refinezoo.refinement.manifest._MAX_BYTES", 1000)
    with pytest.raises(RefinezooError, match="--manifest-name manifest.jsonl"):
        refine(coco, tmp_path / "out", brighter)
    name = {"manifest_name": "manifest.jsonl"}
    assert refine(coco, tmp_path / "out", brighter, **name).resumed == 5
