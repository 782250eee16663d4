"""What lies in the output folder before a run: links, folders, manifests of anyone."""

import json
import shutil

import pytest

from refinezoo.errors import RefinezooError
from refinezoo.files import sha256
from refinezoo.refinement import Shard, refine_dataset


@pytest.fixture
def out(coco, tmp_path, brighter):
    """A finished run."""
    refine_dataset(coco, tmp_path / "out", brighter, progress=False)
    return tmp_path / "out"


def refine(source, out, refiner, **options):
    return refine_dataset(source, out, refiner, progress=False, **options)


def tree(root):
    return {path: sha256(path) for path in root.rglob("*") if path.is_file()}


def test_a_link_to_the_dataset_is_not_written_through(coco, out, brighter):
    before = tree(coco)
    shutil.rmtree(out / "images")
    (out / "images").symlink_to(coco / "images")
    with pytest.raises(RefinezooError, match="leads out of it"):
        refine(coco, out, brighter)
    assert tree(coco) == before


@pytest.mark.parametrize(
    "row",
    [
        {"conversions": 5},
        {"conversions": [[1]]},
        {"flicker": 5},
        {"flicker": {"refined": "a"}},
        {"gate": {}},
        {"gate": {"verdict": "keep", "score": "x"}},
        {"gate": None},
        {"gate": {"verdict": "keep", "score": 1, "teacher": []}},
    ],
    ids=str,
)
def test_a_row_that_no_run_wrote_is_refined_again(coco, out, brighter, row):
    document = json.loads((out / "manifest.json").read_text())
    whole = tree(out)
    document["images"][0] |= row
    (out / "manifest.json").write_text(json.dumps(document))
    assert refine(coco, out, brighter).resumed == 4
    assert tree(out) == whole


@pytest.mark.parametrize("key", ["orphans", "carried", "images"])
@pytest.mark.parametrize("value", [5, "x", {"a": 1}, [1, None, {}]], ids=str)
def test_a_section_that_no_run_wrote_names_nothing(coco, out, brighter, key, value):
    whole = tree(out)
    document = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps(document | {key: value}))
    assert refine(coco, out, brighter, prune=True).orphans == []
    assert tree(out) == whole


@pytest.mark.parametrize("shard", [None, Shard(2, 2)], ids=["whole", "part"])
def test_what_is_no_journal_is_left_alone(coco, out, brighter, shard):
    (out / ".refinement-1-of-2.jsonl").mkdir()
    (out / ".refinement-1-of-3.jsonl").symlink_to("nowhere")
    assert refine(coco, out, brighter, shard=shard).resumed == (2 if shard else 5)
    assert (out / ".refinement-1-of-2.jsonl").is_dir()


def test_a_folder_in_the_place_of_a_lock_is_worded(coco, out, brighter):
    (out / ".lock-1-of-2").mkdir()
    with pytest.raises(RefinezooError, match="A folder is in the way"):
        refine(coco, out, brighter)


@pytest.mark.parametrize("finished", [True, False])
def test_a_setting_that_only_the_earlier_run_had_is_named(coco, tmp_path, brighter, finished):
    shard = None if finished else Shard(1, 2)
    refine(coco, tmp_path / "clips", brighter, sequence=True, shard=shard)
    with pytest.raises(RefinezooError, match="other settings: sequence was True, is None"):
        refine(coco, tmp_path / "clips", brighter)


@pytest.mark.parametrize("name", ["report.html", "gate_worst.png"])
def test_a_manifest_is_not_written_over_what_refine_writes(coco, tmp_path, brighter, name):
    with pytest.raises(RefinezooError, match="which refine writes itself"):
        refine(coco, tmp_path / "out", brighter, manifest_name=name, report=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("of", [1, 2])
def test_what_parts_wrote_of_a_source_that_is_gone_is_reported(coco, tmp_path, brighter, of):
    parts = [Shard(number, of) for number in range(1, of + 1)]
    for shard in parts:
        refine(coco, tmp_path / "out", brighter, shard=shard)
    (coco / "images/scene_3.png").unlink()
    (coco / "notes/read me.txt").unlink()
    for shard in parts:
        refine(coco, tmp_path / "out", brighter, shard=shard, on_error="skip")
    found = refine(coco, tmp_path / "out", brighter, on_error="skip", prune=True)
    assert found.orphans == ["images/scene_3.png", "notes/read me.txt"]
    assert not (tmp_path / "out/images/scene_3.png").exists()


def test_what_a_killed_run_copied_is_known(coco, tmp_path, brighter, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("refinezoo.refinement.manifest.Manifest.orphans", _killed)
        with pytest.raises(KeyboardInterrupt):
            refine(coco, tmp_path / "out", brighter)
    (coco / "notes/read me.txt").unlink()
    assert refine(coco, tmp_path / "out", brighter).orphans == ["notes/read me.txt"]
    assert refine(coco, tmp_path / "out", brighter, prune=True).orphans == ["notes/read me.txt"]
    assert refine(coco, tmp_path / "out", brighter).orphans == []


def test_what_was_copied_under_other_settings_is_known(coco, out, brighter):
    (coco / "notes/read me.txt").unlink()
    found = refine(coco, out, brighter, strength=0.5, overwrite=True)
    assert found.orphans == ["notes/read me.txt"]


def test_parts_that_overwrite_at_once_may_find_less_than_they_listed(
    coco, out, brighter, monkeypatch
):
    def deleted_meanwhile(path):
        path.unlink()
        return sha256(path)

    monkeypatch.setattr("refinezoo.refinement.manifest.sha256", deleted_meanwhile)
    options = {"strength": 0.5, "overwrite": True, "shard": Shard(1, 2)}
    assert refine(coco, out, brighter, **options).refined == 3


def _killed(*_, **__):
    raise KeyboardInterrupt
